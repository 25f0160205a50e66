"""Pictures of the documentation, made from figures."""
