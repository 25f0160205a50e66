"""The check in terms of nagiosplugin: metrics, contexts, sentences and tables."""
