"""Genes of DNA: genetic codes, gene structures, signals, self-training, decoding, evaluation."""
