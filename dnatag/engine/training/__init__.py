"""Training: the loop, its workers, its checkpoints and the folder of a run."""
