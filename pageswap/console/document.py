"""Prints what a program is to read: one JSON document."""

from __future__ import annotations

import json
import sys


def print_json(document: object) -> None:
    """Print one JSON document on standard output."""
    # In one go: json.dump() writes each word by itself, which takes many times as long.
    sys.stdout.write(json.dumps(document, indent=1, allow_nan=False) + "\n")
