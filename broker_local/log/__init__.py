"""Logs on disk: batches, segments, partitions, recovery, compaction, and all of them together."""
