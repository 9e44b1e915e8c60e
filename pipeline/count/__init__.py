"""Tokens of a named tokenizer: estimated by sampled ratios, and counted for what is taken."""
