"""What one step does: one family of operators a file. An operator says once how its step is written."""
