"""One trial: whether it can run here, its process with its bounds, and how it ended."""
