"""Models: their files, their cards, and the weights that ship."""
