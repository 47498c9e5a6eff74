"""What goes between a controller and an agent: the job, and the journal of its trials."""
