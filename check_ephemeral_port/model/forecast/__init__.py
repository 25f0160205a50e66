"""Growth and time remaining, computed from the samples of earlier runs."""
