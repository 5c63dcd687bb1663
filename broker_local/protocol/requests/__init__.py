"""What can be asked of the broker, and what it answers: a frozen record for each, in files by group."""

from broker_local.protocol.requests import connection, groups, records, topics, transactions

__all__ = ["connection", "groups", "records", "topics", "transactions"]
