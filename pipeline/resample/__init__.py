"""Importance resampling: documents weighed by how like a sample of text they are."""
