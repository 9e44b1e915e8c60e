"""Audit a finished output: verify every digest, count and invariant; explain any one document."""
