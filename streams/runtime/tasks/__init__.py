"""One task: its inbox, its runs, its restore."""
