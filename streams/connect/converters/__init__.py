"""Between values with schemas and the bytes of keys, values and headers: one converter a file."""
