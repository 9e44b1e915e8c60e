"""Object storage behind a build: the store and the output in a bucket, or on the hub."""
