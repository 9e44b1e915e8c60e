"""One reader a format; `registry.py` finds the reader for a unit."""
