"""Texts out of files that are not text, in a child process: a parser that crashes or hangs takes nothing with it."""
