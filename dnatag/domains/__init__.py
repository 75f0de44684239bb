"""Domains: what the data are. Each is a room of its own; none imports another."""
