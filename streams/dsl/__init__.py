"""What the user says: builder, streams, tables, groups, windows and options. Appends to a plan, runs nothing."""
