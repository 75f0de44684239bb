"""Words: tag schemes, scores of tagged sentences, pictures of them."""
