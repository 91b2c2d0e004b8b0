"""Lexical search: the terms of texts, how often they occur where, and BM25 scores made of that."""
