"""fastText classifiers: training, held-out figures, prediction."""
