"""What is changed of single records between a connector and its topics: one transform a file, as Kafka Connect's."""
