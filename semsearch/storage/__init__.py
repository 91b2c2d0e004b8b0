"""Documents, passages and vectors on disk, and the only code that writes them."""
