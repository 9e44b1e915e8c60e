"""The library: everything an anchor corpus build does, free of any orchestrator.

Stages are folders (acquire, normalize, annotate, dedup, mixture, sample, export, report, audit,
replay); no stage imports another, and what two of them need is a module beside them here.
"""
