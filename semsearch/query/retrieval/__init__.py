"""How candidates are found: by vectors, by words, by both, by examples."""
