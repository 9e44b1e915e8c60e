"""Annotate: documents → attributes, one file of columns per annotator and shard.

`annotator.py` says what an annotator is and runs one over a shard; each other module is one.
"""
