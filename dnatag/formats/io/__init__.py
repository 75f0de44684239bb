"""Streams, compression, and what kind of content they hold."""
