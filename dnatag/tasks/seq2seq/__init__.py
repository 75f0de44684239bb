"""Translation: a sequence of another length and order."""
