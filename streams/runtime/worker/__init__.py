"""One worker: its loop, its tasks, what it sends and commits, its part in rebalances."""
