"""Two runs, hosts or commits side by side."""
