"""What runs on a measured host: Python 3.9's standard library and the C core, nothing else."""
