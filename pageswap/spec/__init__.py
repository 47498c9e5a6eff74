"""Reads experiment files, strictly: YAML -> Experiment, and the cases it stands for."""
