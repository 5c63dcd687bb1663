"""The door to the bundled log engine; the only room that knows `broker_local`."""
