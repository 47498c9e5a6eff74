"""Many runs of an experiment: what is known of each in a few kilobytes, how its cases went, and who was fastest where."""
