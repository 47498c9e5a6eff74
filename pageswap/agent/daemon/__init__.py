"""A running agent, and the verbs that start, follow and stop it."""
