"""Outputs: one structured result, and a file for each format that it is written in."""
