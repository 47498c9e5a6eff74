"""Programs that the fleet sends to a host and runs there before an agent is there: Python >= 3.9 and nothing else."""
