"""What all of the engine stands on: files as something handed in, failures and their numbers, names, bounds."""
