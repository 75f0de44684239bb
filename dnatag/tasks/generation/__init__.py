"""Generation: a sequence, from nothing or from its beginning."""
