"""Genes of DNA: genetic codes, the gene grammar, labels, adaptation to a genome, metrics."""
