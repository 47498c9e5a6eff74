"""A table of trials to files."""
