"""Files of biological sequences and what is annotated on them."""
