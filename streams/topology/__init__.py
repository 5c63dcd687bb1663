"""What a program means: plan, graph, names, rewrites, sub-topologies and `describe()`."""
