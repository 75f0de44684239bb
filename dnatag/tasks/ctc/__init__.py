"""Transcription: a shorter sequence of symbols, in the order of the input."""
