"""Music: chords in equal steps."""
