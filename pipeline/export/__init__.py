"""Export: the chosen documents → shuffled shards, held-out files, decisions, card and manifest."""
