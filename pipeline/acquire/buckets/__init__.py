"""Files of buckets and other fsspec file systems."""
