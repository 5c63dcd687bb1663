"""How a broker runs: as a process over sockets, or inside another process; how it is found, started and reached."""
