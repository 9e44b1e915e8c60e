"""Filter: which documents the recipe's cleaning drops, and why. No text is read or changed."""
