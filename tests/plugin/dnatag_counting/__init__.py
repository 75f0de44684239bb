"""A plug-in of dnatag, as another package would be: rows of bits, and how many are ones."""
