"""Apache Kafka: the door to a cluster. Data by `confluent-kafka`, all else by the messages of `kafka-python`."""
