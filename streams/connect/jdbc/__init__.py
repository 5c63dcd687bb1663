"""Databases: tables into topics, topics into tables. SQLite, and PostgreSQL by the extra `postgres`."""
