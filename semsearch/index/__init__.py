"""Nearest rows of a matrix. Knows vectors and row numbers, not texts; only this layer imports FAISS."""

from semsearch.index.flat import Bitmap, FlatIndex, bitmap

__all__ = ["Bitmap", "FlatIndex", "bitmap"]
