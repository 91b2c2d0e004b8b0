"""Kinds of files that are text, one document each but for lines; how bytes become text."""
