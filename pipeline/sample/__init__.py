"""Which documents make up the anchor corpus: quotas, held-out documents, repetitions."""
