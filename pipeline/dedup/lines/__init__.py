"""Repeated lines: hashed, counted over all documents, cut from all but the first that has them."""
