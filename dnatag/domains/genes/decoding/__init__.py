"""Decoding: contigs in chunks, their labels, and genes assembled from these."""
