"""Files: lines, JSON lines and CSV into topics; topics into whole files."""
