"""How fast and how good vectors are."""
