"""What the model is taught: examples out of the build's code or out of a file of records."""
