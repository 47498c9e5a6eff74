"""Many runs of an experiment: what is kept of each, how its cases went, and who was fastest where."""
