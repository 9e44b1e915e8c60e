"""The shapes of everything that crosses a boundary: files, batches, recipes, manifests.

Pydantic models for what people and JSON write, Arrow schemas for what Parquet holds.
Imports nothing of the project; everything else may import it.
"""
