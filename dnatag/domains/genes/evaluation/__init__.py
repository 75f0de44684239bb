"""Evaluation of predicted genes against a reference."""
