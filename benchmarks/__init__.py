"""How fast it is, and what each part of that costs: `python -m benchmarks`."""
