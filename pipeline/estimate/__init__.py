"""What was a model trained on? Estimates from its tokenizer and from its own samples."""
