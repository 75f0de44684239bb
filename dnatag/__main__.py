"""``python -m dnatag``."""

from dnatag.cli import main

if __name__ == "__main__":
    main()
