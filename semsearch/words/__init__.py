"""Words: spaces of named vectors and analogies in them, files of such, and words in their contexts."""
