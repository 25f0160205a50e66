"""The pool check: metrics, states, status line and tables."""
