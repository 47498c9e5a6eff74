"""Host keys as the user's ssh knows them: reads known_hosts files, judges a key, writes down a new one."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import fnmatch
import functools
import hashlib
import hmac
import os
import shlex
from typing import TYPE_CHECKING, Final

from pageswap.errors import HostKeyError
from pageswap.fleet.transport.link_errors import CHANGED_KEY, REVOKED_KEY, UNKNOWN_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SSH_PORT: Final = 22

_AUTHORITY = "@cert-authority"
_REVOKED = "@revoked"


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One line, which is `where` in a file: which names it speaks of, and the key."""

    path: Path
    where: str
    marker: str
    names: str
    key_type: str
    key: bytes

    def is_about(self, name: str) -> bool:
        """Tell whether the line's patterns, or its hashed name, match `name` (see sshd(8), known_hosts)."""
        if self.names.startswith("|1|"):
            return _matches_hash(self.names, name)
        is_match = False
        for pattern in self.names.split(","):
            # Ssh's patterns know * and ? only.
            if fnmatch.fnmatchcase(name.lower(), pattern.lstrip("!").lower().replace("[", "[[]")):
                if pattern.startswith("!"):
                    return False
                is_match = True
        return is_match


@dataclasses.dataclass(frozen=True)
class KnownHosts:
    """The known_hosts files that hold for one host; a new key goes to the first of the user's.

    `name` is the host's name in them: its HostKeyAlias, or the address with the port unless that is 22.
    """

    name: str
    user_files: Sequence[Path]
    global_files: Sequence[Path]
    fallback: str = ""

    @classmethod
    def of(cls, host: str, port: int, alias: str | None, user: Sequence[Path], everyone: Sequence[Path]) -> KnownHosts:
        """Name a host as ssh does: where a port is given, a key that is known for the host without it serves too."""
        if alias or port == SSH_PORT:
            return cls(alias or host, user, everyone)
        return cls(f"[{host}]:{port}", user, everyone, fallback=host)

    def key_types(self) -> list[str]:
        """Return the types of the host's known keys, so that it is asked for one of those."""
        entries = self._entries(self.name) or self._entries(self.fallback)
        return list(dict.fromkeys(entry.key_type for entry in entries if not entry.marker))

    def has_authority(self) -> bool:
        """Tell whether a host that shows a certificate may be known by who has signed it."""
        return any(entry.marker == _AUTHORITY for name in (self.name, self.fallback) for entry in self._entries(name))

    def check(self, key_type: str, key: bytes, *, accept_new: bool, shown: str) -> None:
        """Return when `key` is the host's; with `accept_new` the first key of an unknown host is written down.

        `shown` names the host in the HostKeyError that is raised for an unknown, a changed and a revoked key.
        """
        entries, others = self._entries(self.name), self._entries(self.fallback)
        fingerprint = f"{key_type} {fingerprint_of(key)}"
        for entry in [*entries, *others]:
            if entry.marker == _REVOKED and entry.key == key:
                raise REVOKED_KEY.error(shown=shown, key=fingerprint, where=entry.where)
        known = [entry for entry in entries if not entry.marker]
        if any(entry.key == key for entry in known):
            return
        if known:
            same_type = [entry for entry in known if entry.key_type == key_type] or known
            forget = shlex.join(["ssh-keygen", "-R", self.name, "-f", str(same_type[0].path)])
            other = f"{same_type[0].key_type} {fingerprint_of(same_type[0].key)}"
            raise CHANGED_KEY.error(shown=shown, key=fingerprint, where=same_type[0].where, other=other, forget=forget)
        if any(entry.key == key for entry in others if not entry.marker):
            return
        if not accept_new:
            raise UNKNOWN_KEY.error(shown=shown, key=fingerprint)
        self._write_down(key_type, key, shown)

    def _entries(self, name: str) -> list[_Entry]:
        return [
            entry
            for path in (*self.user_files, *self.global_files)
            for entry in _read(path)
            if name and entry.is_about(name)
        ]

    def _write_down(self, key_type: str, key: bytes, shown: str) -> None:
        if not self.user_files:
            raise HostKeyError(f"{shown}: a new host key cannot be kept: ssh_config says 'UserKnownHostsFile none'")
        path = self.user_files[0]
        line = f"{self.name} {key_type} {base64.b64encode(key).decode()}\n"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            private = functools.partial(os.open, mode=0o600)
            with open(path, "a+b", buffering=0, opener=private) as file:
                size = file.tell()
                is_open_line = size and os.pread(file.fileno(), 1, size - 1) != b"\n"
                # One write, appended: keys of several hosts may be written down at once.
                file.write(("\n" if is_open_line else "").encode() + line.encode())
        except OSError as error:
            raise HostKeyError(f"{shown}: {path}: a new host key cannot be kept: {error.strerror}") from error


def fingerprint_of(key: bytes) -> str:
    """Return a key's fingerprint as ssh shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _read(path: Path) -> Iterator[_Entry]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        raise HostKeyError(f"{path}: known host keys cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if len(fields) < 3 or fields[0].startswith("#"):  # noqa: PLR2004 - names, type, key
            continue
        try:
            key = base64.b64decode(fields[2], validate=True)
        except (ValueError, binascii.Error):
            continue
        yield _Entry(path, f"{path}:{number}", marker, fields[0], fields[1], key)


def _matches_hash(names: str, name: str) -> bool:
    """Compare with a name that ssh wrote down hashed: |1|salt|HMAC-SHA1 of the name."""
    try:
        salt, wanted = (base64.b64decode(part, validate=True) for part in names[3:].split("|"))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), wanted)
