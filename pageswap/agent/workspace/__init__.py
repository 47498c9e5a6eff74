"""Where an agent works on a host: its folders, its lock and the host's lease."""
