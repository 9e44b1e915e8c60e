"""From the order of a BPE tokenizer's merges to the mixture of the text it was trained on."""
