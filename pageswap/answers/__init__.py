"""The experiment's question answered from its figures."""
