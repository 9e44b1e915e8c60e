"""What was the original distribution? Published mixtures, and the target a recipe asks for."""
