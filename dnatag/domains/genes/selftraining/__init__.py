"""Self-training: what the contigs themselves show of their genomes."""
