"""What nagiosplugin calls a check: resource, contexts, summary, and the text."""
