"""Connect: from files and databases into topics, and from topics into them, by configuration.

    streams-app connect standalone worker.properties orders.json

A connector of one's own derives from the classes of `streams.connect.connector`.
"""
