"""The broker without I/O of its own: requests in, answers out, and who waits for what."""
