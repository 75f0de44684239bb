"""Files of words and their tags."""
