"""Training of gene models on annotated genomes."""
