"""Where it happens: tasks, their inboxes, entry functions, stores and outboxes."""
