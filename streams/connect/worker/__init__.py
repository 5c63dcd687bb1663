"""Runs connectors: their tasks, their positions, their errors."""
