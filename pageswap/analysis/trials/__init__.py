"""Stored rows to a table and a matrix."""
