"""What all layers share: nouns, errors, where things are, and helpers that belong to no layer."""
