"""Text: words as numbers, entities and tags of words, their evaluation."""
