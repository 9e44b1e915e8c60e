"""Personal data: found in a text, and replaced by typed placeholders."""
