"""Group coordination, pure: events in, effects out; and its records in the log."""
