"""Sequences of numeric features: of sensors, of poses in videos, of anything in time."""
