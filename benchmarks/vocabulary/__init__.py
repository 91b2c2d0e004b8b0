"""Analogies, words and senses."""
