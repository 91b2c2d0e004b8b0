"""Vector files, the indexes over them, and how both are renewed."""
