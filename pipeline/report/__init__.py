"""The report: a finished build or fine-tune → one self-contained page with plots and tables."""
