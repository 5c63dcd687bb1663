"""What a task keeps: its stores, its directory on disk, the positions of its changelogs."""
