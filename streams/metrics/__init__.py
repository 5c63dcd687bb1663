"""What is counted and measured, under Kafka Streams' names: `registry` keeps it, `catalogue` says what there is."""
