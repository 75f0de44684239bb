"""Tagging tokens: what texts, proteins and other sequences of tokens have in common."""
