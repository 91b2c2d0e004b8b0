"""Semantic similarity search."""
