"""The words of DuckDB's COPY that are made of texts: a literal, and what a Parquet file's footer tells."""

from __future__ import annotations


def quoted(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def told_of_file(told: str) -> str:
    """Return the option that puts a text into a Parquet file's footer, under the name of pageswap; "" for none."""
    return f", KV_METADATA {{pageswap: {quoted(told)}}}" if told else ""
