"""A summary to records: what explains the figures."""
