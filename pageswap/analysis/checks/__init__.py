"""A matrix to records: what was tested of a run."""
