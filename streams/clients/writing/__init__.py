"""Writing over any engine: batches in order and once, through retries and lost connections, in transactions or not."""
