"""Jobs of a Slurm cluster in place of detached agents: how they are submitted, watched and ended from a login host."""
