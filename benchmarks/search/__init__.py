"""Searching collections: how good each mode is, and what filters cost."""
