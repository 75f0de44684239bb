"""Domains: what the data are. Each stands by itself; none imports another."""
