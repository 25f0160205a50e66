"""Growth and remaining time, from what earlier runs of the check saw."""
