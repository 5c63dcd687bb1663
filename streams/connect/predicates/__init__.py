"""For which records a transform is applied: one predicate a file, as Kafka Connect's."""
