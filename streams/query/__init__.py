"""Asking the stores of a running application: Kafka Streams' interactive queries, v1 and v2, and HTTP over them."""
