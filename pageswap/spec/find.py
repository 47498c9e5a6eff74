"""Finds an experiment file by what a person types."""

from __future__ import annotations

from pathlib import Path

from pageswap.errors import UsageError


def find_spec(experiments: Path, text: str) -> Path:
    """Find an experiment file from a path, or from a name in the folder `experiments`, with or without its ``.yaml``.

    Raises UsageError when there is none, and for a relative path that leads out of the current folder and of the one
    that holds `experiments`.
    """
    there = ", ".join(sorted(path.name for path in experiments.glob("*.yaml")))
    if not text:
        raise UsageError(f"--spec is missing: give a path, or one of {experiments.name}/: {there}")
    given, named = Path(text), experiments / text
    if not given.is_absolute() and ".." in given.parts:
        folders = (Path.cwd(), experiments.parent)
        if not any(given.resolve().is_relative_to(folder.resolve()) for folder in folders):
            raise UsageError(f"--spec {text}: leads out of this folder; name such a file by its absolute path")
    for path in (given, named, named.with_name(f"{named.name}.yaml")):
        if path.exists() and not path.is_dir():
            return path
    raise UsageError(f"--spec {text}: no such file, here or in {experiments.name}/, which has: {there}")
