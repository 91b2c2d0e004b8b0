"""What is said of an answer besides its hits: where scores come from, how they stand, what was left out."""
