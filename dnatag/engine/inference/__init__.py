"""Inference over sequences of any length."""
