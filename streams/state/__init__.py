"""Stores as processors, tests and queries see them: typed, under Java's names (Java's package `state`)."""
