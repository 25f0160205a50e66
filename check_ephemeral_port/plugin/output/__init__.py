"""Output: one structured result, and one file for each format."""
