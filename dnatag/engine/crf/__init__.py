"""Exact inference in linear-chain CRFs under a grammar."""
