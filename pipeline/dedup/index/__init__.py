"""Indexes of earlier corpora: reading them to compare with, and changing what is in them."""
