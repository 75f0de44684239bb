"""Tagging sequences with a BiLSTM-CRF: grammars, inference, the network and its training.

Nothing here knows of DNA or text; a domain brings its alphabet, its grammar and its symmetries.
"""
