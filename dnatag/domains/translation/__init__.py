"""Translation: texts in two languages."""
