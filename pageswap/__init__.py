"""A laboratory for the fastest way to move pages of virtual memory on Linux x86-64."""

__version__ = "0.1.0"
