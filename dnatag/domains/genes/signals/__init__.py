"""Signals of genes: codon usage, start codons and ribosome binding sites."""
