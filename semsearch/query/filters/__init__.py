"""Filters: which documents may be found, as a condition on their fields.

``parser`` and ``mapping`` make one tree (``tree``) of the two forms; ``evaluate`` says which documents fulfil it.
"""
