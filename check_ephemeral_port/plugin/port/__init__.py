"""The port check: metrics, states, status line and tables."""
