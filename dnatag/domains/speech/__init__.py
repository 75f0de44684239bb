"""Speech: recordings of words."""
