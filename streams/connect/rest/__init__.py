"""REST as Kafka Connect has it. Needs the extra `http`: starlette."""
