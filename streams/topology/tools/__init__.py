"""What the command line makes of a topology: its outline, drawings of it, and what differs between two."""
