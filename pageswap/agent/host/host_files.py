"""The small text files that a kernel describes its host with, below a root that tests can replace."""

from __future__ import annotations

import os

_CAP_BYTES = 1 << 20


class HostFiles:
    """Files like ``/proc/meminfo``; what is absent or unreadable is None, never an exception."""

    def __init__(self, root: str = "/") -> None:
        """Look below `root`, normally the real one."""
        self._root = root

    def path(self, path: str) -> str:
        """Return where the absolute `path` really lies."""
        return path if self._root == "/" else self._root.rstrip("/") + path

    def text(self, path: str) -> str | None:
        """Read a file's first MiB without the white space around it."""
        try:
            with open(self.path(path), "rb") as file:
                return file.read(_CAP_BYTES).decode("utf-8", "replace").strip()
        except OSError:
            return None

    def write(self, path: str, text: str) -> None:
        """Write a file that is there: a kernel's cannot be made. Raises OSError."""
        with open(
            self.path(path), "wb", buffering=0, opener=lambda name, how: os.open(name, how & ~os.O_CREAT)
        ) as file:
            file.write(text.encode())

    def integer(self, path: str) -> int | None:
        """Read a file that holds one decimal number."""
        return _integer(self.text(path))

    def setting(self, name: str) -> int | None:
        """Read a kernel setting by sysctl(8)'s name for it, ``vm.max_map_count``."""
        return self.integer(_setting(name))

    def change_setting(self, name: str, value: int) -> None:
        """Write a kernel setting; raises OSError."""
        self.write(_setting(name), f"{value}\n")

    def table(self, path: str) -> dict[str, int]:
        """Read ``name value`` lines as of /proc/meminfo (its kB become bytes), /proc/vmstat or memory.events."""
        numbers: dict[str, int] = {}
        for line in (self.text(path) or "").splitlines():
            words = line.split()
            value = _integer(words[1]) if len(words) > 1 else None
            if value is not None:
                numbers[words[0].rstrip(":")] = value * 1024 if words[-1] == "kB" else value
        return numbers

    def choice(self, path: str) -> str | None:
        """Read the bracketed word of a file like ``always [madvise] never``."""
        text = self.text(path) or ""
        start, end = text.find("["), text.find("]")
        return text[start + 1 : end] if 0 <= start < end else None

    def names(self, path: str) -> list[str]:
        """List a folder, sorted; empty when there is none."""
        try:
            return sorted(os.listdir(self.path(path)))
        except OSError:
            return []


def _setting(name: str) -> str:
    return f"/proc/sys/{name.replace('.', '/')}"


def _integer(text: str | None) -> int | None:
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None
