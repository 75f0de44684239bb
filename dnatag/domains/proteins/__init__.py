"""Proteins as sequences of residues: what a residue is part of."""
