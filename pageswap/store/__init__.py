"""One run's database: the plan as it was made, and every attempt of every trial as it came back."""
