"""Networks, conditional random fields, training and inference, for any sequences.

Nothing here knows what the sequences are or what they are labelled with: domains bring their
symbols, grammars and symmetries, tasks their objectives.
"""
