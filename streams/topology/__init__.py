"""What a topology means: plan, nodes as frozen data, names, rewrites, sub-topologies, describe()."""
