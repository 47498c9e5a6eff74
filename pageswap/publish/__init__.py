"""Puts reports on a static site with an index, here or on another machine: only what is new, and whole at all times."""
