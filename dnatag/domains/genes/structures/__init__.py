"""Structures of genes: their grammar, and genes as labels of bases."""
