"""Kinds of files whose rows or records are documents."""
