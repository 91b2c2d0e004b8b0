"""Kinds of files, a module each; ``registry`` lists them."""
