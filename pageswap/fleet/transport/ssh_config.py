"""The user's ssh_config, which alone decides how a host is reached."""

from __future__ import annotations

import dataclasses
import getpass
import glob
import io
import logging
import re
from pathlib import Path
from typing import Any, Final

import paramiko

from pageswap.errors import HostError
from pageswap.fleet.transport.host_keys import KnownHosts
from pageswap.fleet.transport.link_errors import unclear_config

USER_CONFIG: Final = Path("~/.ssh/config")
GLOBAL_CONFIG = Path("/etc/ssh/ssh_config")
_USER_KNOWN_HOSTS = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
_GLOBAL_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"
_MAX_INCLUDES = 16
_EVERY_HOST = "Host *"
_LINE = re.compile(r"\s*(?P<key>[A-Za-z0-9]+)(?:\s*=\s*|\s+)(?P<value>.*?)\s*$")
_HOP = re.compile(r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?P<host>\[[^]]+\]|[^:@]+)(?::(?P<port>\d+))?")

# What it logs may hold what an ssh_config says, and nobody asked for it.
logging.getLogger("paramiko").propagate = False
logging.getLogger("paramiko").addHandler(logging.NullHandler())


@dataclasses.dataclass(frozen=True)
class Hop:
    """One element of a ProxyJump."""

    alias: str
    user: str | None
    port: int | None


@dataclasses.dataclass(frozen=True, repr=False)
class Route:
    """How one host is reached. It is never shown: a user, a path or a command may be a secret."""

    alias: str
    host: str
    port: int
    user: str
    identity_files: tuple[str, ...]
    is_identities_only: bool
    proxy_command: str | None
    hops: tuple[Hop, ...]
    connect_timeout_s: float | None
    known_hosts: KnownHosts

    def through(self, hops: tuple[Hop, ...]) -> Route:
        """Return the same route by way of other hosts."""
        return dataclasses.replace(self, hops=hops, proxy_command=None)

    @property
    def shown(self) -> str:
        """Return the alias and the address, the only parts that errors may name."""
        address = f"{self.host}:{self.port}"
        return self.alias if address == f"{self.alias}:22" else f"{self.alias} ({address})"


class SshConfig:
    """A parsed ssh_config: the file given, or as with ssh the user's and then the system's."""

    def __init__(self, path: Path | None = None) -> None:
        """Read it; raises HostError when a given file is not there or cannot be understood."""
        self.parsed: Any = paramiko.SSHConfig()
        home = USER_CONFIG.expanduser().parent
        if path is not None:
            if not path.is_file():
                raise HostError(f"{path}: no such ssh_config; --ssh-config takes the path of one")
            text = _expanded(path, home)
        else:
            text = _expanded(USER_CONFIG.expanduser(), home)
            text += f"{_EVERY_HOST}\n{_expanded(GLOBAL_CONFIG, GLOBAL_CONFIG.parent)}"
        self._name = str(path or USER_CONFIG)
        try:
            self.parsed.parse(io.StringIO(text))
        except Exception:  # noqa: BLE001 - whatever it stumbled over, its text may quote the file
            raise unclear_config(self._name) from None

    def route(self, alias: str, hop: Hop | None = None) -> Route:
        """Look up how `alias` is reached; a hop's own user and port win. Raises HostError."""
        own_name = _own_name()
        try:
            found = self.parsed.lookup(alias)
            host = str(found["hostname"])
            port = (hop and hop.port) or int(found.get("port", 22))
            # As with ssh, the one of the two that is given first holds.
            by = next((key for key in found if key in ("proxyjump", "proxycommand")), "")
            through = found.get(by) or "none"
            timeout = found.get("connecttimeout", "none")
            return Route(
                alias=alias,
                host=host,
                port=port,
                user=str((hop and hop.user) or found.get("user") or own_name),
                identity_files=tuple(found.get("identityfile", ())),
                is_identities_only=found.get("identitiesonly", "no").lower() in ("yes", "true"),
                proxy_command=through if by == "proxycommand" and _is_set(through) else None,
                hops=tuple(map(_hop, through.split(","))) if by == "proxyjump" and _is_set(through) else (),
                connect_timeout_s=float(timeout) if _is_set(timeout) else None,
                known_hosts=KnownHosts.of(
                    host,
                    port,
                    found.get("hostkeyalias"),
                    _paths(found.get("userknownhostsfile", _USER_KNOWN_HOSTS)),
                    _paths(found.get("globalknownhostsfile", _GLOBAL_KNOWN_HOSTS)),
                ),
            )
        except HostError:
            raise
        except Exception:  # noqa: BLE001 - whatever it stumbled over, its text may quote the file
            raise unclear_config(self._name) from None


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Also where the ssh_config names a User: paramiko asks for it to read one, as ssh does.
        raise HostError("your own name on this machine is unknown, which ssh needs too; set LOGNAME to one") from None


def _is_set(value: str) -> bool:
    return value.lower() != "none"


def _hop(text: str) -> Hop:
    found = _HOP.fullmatch(text.strip())
    if found is None:
        raise ValueError
    port = found["port"]
    return Hop(found["host"].strip("[]"), found["user"], int(port) if port else None)


def _paths(text: str) -> tuple[Path, ...]:
    if not _is_set(text):
        return ()
    words = re.findall(r'"([^"]+)"|(\S+)', text)
    return tuple(Path((quoted or plain).replace("%d", str(Path.home()))).expanduser() for quoted, plain in words)


def _expanded(path: Path, base: Path, depth: int = 0, block: str = _EVERY_HOST) -> str:
    """Return a file's text with what it includes in its place, which paramiko does not do; "" without a file."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}; ssh needs to read it too") from error
    text: list[str] = []
    for line in lines:
        found = _LINE.fullmatch(line)
        key = found["key"].lower() if found else ""
        if found and key == "include":
            if depth == _MAX_INCLUDES:
                raise HostError(f"{path}: more than {_MAX_INCLUDES} levels of Include")
            for pattern in _paths(found["value"]):
                # What follows an included file's own blocks belongs to the block that it was included from.
                for name in sorted(glob.glob(str(base / pattern))):  # noqa: PTH207 - an absolute pattern
                    text += [_expanded(Path(name), base, depth + 1, block), block]
            continue
        if key in ("host", "match"):
            block = line
        text.append(line)
    return "\n".join([*text, ""])
