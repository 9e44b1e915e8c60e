"""Acquire: what a recipe's sources name → units of input with digests."""
