"""Measurements: speed beside named peers in one run, memory, and quality against published figures."""
