"""The application as a group: its members, its leader, its assignment, its internal topics."""
