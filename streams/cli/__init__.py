"""The command `streams-app`."""
