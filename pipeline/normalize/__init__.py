"""Normalize: raw units → documents in one form, and a quarantine of what could not be read.

`stage.py` runs a unit; `record.py` says what a reader is; `formats/` holds one reader a format;
`text.py` and `identity.py` give every document its text and its id.
"""
