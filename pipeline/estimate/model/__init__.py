"""From a model's own samples to the mixture of the text it was trained on."""
