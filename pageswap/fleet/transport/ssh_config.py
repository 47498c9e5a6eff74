"""How a host is reached, as `ssh -G` tells; without an ssh, as far as paramiko reads an ssh_config for certain."""

from __future__ import annotations

import dataclasses
import getpass
import os
import pwd
import re
import shlex
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pageswap.errors import HostError
from pageswap.fleet.transport import transport as limits
from pageswap.fleet.transport.host_keys import KnownHosts
from pageswap.fleet.transport.link_errors import UNCLEAR_CONFIG, HopelessError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pageswap.fleet.transport.transport import Reach

USER_CONFIG: Final = Path("~/.ssh/config")
GLOBAL_CONFIG = Path("/etc/ssh/ssh_config")
# A Match may run a command of the user's.
_ASK_S: Final = 90.0

# Of a setting the first value holds: these stand before the user's, for a host and for those on the way to it.
FORCED: Final = """\
BatchMode yes
StrictHostKeyChecking {keys}
UpdateHostKeys no
VerifyHostKeyDNS no
NoHostAuthenticationForLocalhost no
ConnectionAttempts 1
ServerAliveInterval {beat_s}
ServerAliveCountMax {beats}
ControlMaster no
ControlPath none
ClearAllForwardings yes
ForwardAgent no
ForwardX11 no
Tunnel no
PermitLocalCommand no
RemoteCommand none
RequestTTY no
VisualHostKey no
"""
# What Fabric's library serves of the settings that bear on which host answers and who is let in: one with another
# value is for ssh itself.
_SERVED: Final[Mapping[str, str]] = {
    "addressfamily": "any",
    "bindaddress": "none",
    "bindinterface": "none",
    "certificatefile": "none",
    "gssapiauthentication": "no",
    "hostbasedauthentication": "no",
    "identityagent": "SSH_AUTH_SOCK",
    "knownhostscommand": "none",
    "pkcs11provider": "none",
    "proxyusefdpass": "no",
    "revokedhostkeys": "none",
}
# What ssh takes where an ssh_config says nothing; with what follows, all that is read where there is no ssh.
_DEFAULTS: Final[Mapping[str, list[str]]] = {
    "port": ["22"],
    "identityfile": ["~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519"],
    "userknownhostsfile": ["~/.ssh/known_hosts ~/.ssh/known_hosts2"],
    "globalknownhostsfile": ["/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"],
}
_OTHERS: Final = """host hostname user identitiesonly proxyjump proxycommand hostkeyalias connecttimeout hashknownhosts
pubkeyauthentication"""
_READ: Final = {*_SERVED, *_DEFAULTS, *_OTHERS.split(), *re.findall(r"(?m)^\w+", FORCED.lower())}
_CRITERIA: Final = ("host", "originalhost", "user", "localuser", "exec")
_LINE: Final = re.compile(r"\s*(?P<key>\w+)(?:\s*=\s*|\s+)(?P<value>[^#]+)")
_HOP: Final = re.compile(r"(?:ssh://)?(?:(?P<user>.+)@)?(?P<alias>\[[^]]+\]|[^:@]+)(?::(?P<port>\d+))?")
_PERCENT: Final = r"%(.)"
_VARIABLE: Final = r"\$\{(\w+)\}"
_MOST_JUMPS: Final = 8


@dataclasses.dataclass(frozen=True, repr=False)
class Route:
    """How one host is reached. It is never shown: a user, a path or a command may be a secret.

    `agent` is the socket of the ssh-agent that is asked for keys, or "", `jumps` are the hosts of its ProxyJump,
    `lacks` names what it needs that Fabric's library cannot do, and `given` has what a ProxyJump that leads here says
    of it, which holds before the ssh_config.
    """

    alias: str
    host: str
    port: int
    user: str
    identity_files: tuple[str, ...]
    is_identities_only: bool
    agent: str
    proxy_command: str | None
    jumps: tuple[str, ...] = dataclasses.field(compare=False)  # they have routes of their own
    connect_timeout_s: float
    known_hosts: KnownHosts
    lacks: tuple[str, ...]
    given: Mapping[str, str] = dataclasses.field(compare=False)

    @property
    def shown(self) -> str:
        """Return the alias and the address, the only parts that errors may name."""
        address = f"{self.host}:{self.port}"
        return self.alias if address == f"{self.alias}:22" else f"{self.alias} ({address})"

    def to_jump(self, reach: Reach) -> Route:
        """Return the way to the last of `jumps`, which leads through those before it."""
        *before, last = self.jumps
        found = _HOP.fullmatch(last.strip())
        if found is None:
            raise UNCLEAR_CONFIG.error(name=str(reach.ssh_config or USER_CONFIG))
        given = {"user": found["user"], "port": found["port"], "proxyjump": ",".join(before)}
        return route_of(found["alias"].strip("[]"), reach, {key: value for key, value in given.items() if value})


def way_to(alias: str, reach: Reach) -> list[Route]:
    """Return the routes to a host and to those that its ProxyJump leads through, the nearest one last.

    Raises HostError as `route_of`, and for a way that is too long, as one that leads back to itself is.
    """
    way = [route_of(alias, reach)]
    while way[-1].jumps:
        if len(way) > _MOST_JUMPS:
            raise HopelessError(f"{alias}: its ProxyJump leads through more than {_MOST_JUMPS} hosts")
        way.append(way[-1].to_jump(reach))
    return way


def route_of(alias: str, reach: Reach, given: Mapping[str, str] | None = None) -> Route:
    """Look up how `alias` is reached; settings that are `given` hold before those of the ssh_config.

    Raises HostError when a file that was named is not there, and when it cannot be understood.
    """
    path = reach.ssh_config
    if path is not None and not path.is_file():
        raise HostError(f"{path}: no such ssh_config; --ssh-config takes the path of one")
    try:
        own_name = getpass.getuser()
    except (KeyError, OSError):
        raise HostError("your own name on this machine is unknown, which ssh needs too; set LOGNAME to one") from None
    try:
        read = _read_by_ssh if shutil.which("ssh") else _read_by_paramiko
        return _route(alias, read(alias, path, given or {}), own_name, given or {})
    except HostError:
        raise
    except Exception:  # noqa: BLE001 - whatever it stumbled over, its text may quote the file
        raise UNCLEAR_CONFIG.error(name=str(path or USER_CONFIG)) from None


def _read_by_ssh(alias: str, path: Path | None, given: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what ssh has read: each setting's values by its name in small letters."""
    options = [*(["-F", str(path)] if path else []), *(f"-o{key}={value}" for key, value in given.items())]
    command = ["ssh", "-G", "-T", *options, "--", alias]
    said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ASK_S, check=True).stdout  # noqa: S603 - what varies is an alias, and what ssh says itself
    found: dict[str, list[str]] = {}
    for line in said.decode("utf-8", "surrogateescape").splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key.lower(), []).append(value)
    return found


def _read_by_paramiko(alias: str, path: Path | None, given: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what paramiko reads, in the same form; raises HostError for a line that ssh might read in another way."""
    import paramiko

    lines: list[str] = []
    for each in [path] if path else [USER_CONFIG.expanduser(), GLOBAL_CONFIG]:
        if each.is_file():
            lines += ["Host *", *_certain_lines(each)]
    parsed = paramiko.SSHConfig.from_text("\n".join(lines))
    read = {key: value for key, value in parsed.lookup(alias).items() if (key, value) != ("proxyjump", "none")}
    found = {**given, **read, **given}
    # As with ssh, the one of the two that is given first holds.
    for late in [key for key in found if key in ("proxyjump", "proxycommand")][1:]:
        del found[late]
    settings = {key: value if isinstance(value, list) else [value or "none"] for key, value in found.items()}
    return {**_DEFAULTS, **settings}


def _certain_lines(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        found = _LINE.fullmatch(line)
        key = found["key"].lower() if found else ""
        value = found["value"] if found else ""
        is_certain = key in _READ and "%%" not in value
        if key == "match":
            words = shlex.split(value)
            is_certain = words == ["all"] or all(word.lstrip("!") in _CRITERIA for word in words[::2])
        if line.strip() and not line.lstrip().startswith("#") and not is_certain:
            raise HostError(
                f"{path}:{number}: without an OpenSSH client here nobody knows for certain what that means; install one"
            )
        yield line


def _route(alias: str, settings: Mapping[str, list[str]], own_name: str, given: Mapping[str, str]) -> Route:
    def one(key: str, otherwise: str = "none") -> str:
        return settings.get(key, [otherwise])[0]

    host, port, user, key_alias = one("hostname"), int(one("port")), one("user", own_name), one("hostkeyalias", "")
    try:
        home = pwd.getpwuid(os.getuid()).pw_dir  # as ssh does, whatever HOME says
    except KeyError:
        home = str(Path.home())
    tokens = {"%": "%", "h": host, "n": alias, "p": str(port), "r": user, "u": own_name, "d": home}
    tokens |= {"k": key_alias or alias, "i": str(os.getuid()), "l": socket.gethostname()}
    unknown: set[str] = set()

    def filled(text: str, pattern: str = _PERCENT, values: Mapping[str, str] = tokens) -> str:
        unknown.update({*re.findall(pattern, text)} - values.keys())
        return re.sub(pattern, lambda found: values.get(found[1], found[0]), text)

    command = filled(one("proxycommand"))

    def path(text: str) -> str:
        text = re.sub("^~(?=/)", lambda _: home, text.strip('"'))
        return filled(filled(text, _VARIABLE, os.environ))

    def paths(key: str) -> tuple[Path, ...]:
        # Between two paths there is a space before a slash or tilde; within one there may be any other.
        return tuple(Path(path(text)) for text in re.split(r"\s+(?=\"?[/~])", one(key)) if text != "none")

    files = tuple(path(text) for text in settings["identityfile"] if text != "none")
    agent, has_keys = one("identityagent", "SSH_AUTH_SOCK"), one("pubkeyauthentication") not in ("no", "false")
    is_variable = re.fullmatch(r"SSH_AUTH_SOCK|\$\w+", agent)
    agent = os.environ.get(agent.lstrip("$"), "") if is_variable else path(agent)
    known_hosts = KnownHosts.of(host, port, key_alias, paths("userknownhostsfile"), paths("globalknownhostsfile"))
    # Distributions ask for GSSAPI whether there may be a Kerberos ticket or not.
    has_ticket = "KRB5CCNAME" in os.environ or Path(f"/tmp/krb5cc_{os.getuid()}").exists()  # noqa: S108 - Kerberos's own
    return Route(
        alias=alias,
        host=host,
        port=port,
        user=user,
        identity_files=files,
        is_identities_only=one("identitiesonly") in ("yes", "true"),
        agent=agent if has_keys and agent != "none" else "",
        proxy_command=command if command != "none" else None,
        jumps=tuple(jump for jump in filled(one("proxyjump")).split(",") if jump != "none"),
        # To ssh nought means for ever, as none does.
        connect_timeout_s=float(one("connecttimeout").replace("none", "0")) or limits.CONNECT_TIMEOUT_S,
        known_hosts=known_hosts,
        lacks=tuple(
            [key for key, value in _SERVED.items() if one(key, value) != value and (key[:3] != "gss" or has_ticket)]
            + ["pubkeyauthentication"] * (not has_keys)
            + ["a certificate beside its key"] * any(Path(f"{file}-cert.pub").exists() for file in files)
            + ["a key in hardware"] * any(map(_is_hardware_key, files))
            + ["@cert-authority"] * known_hosts.has_authority()
            + ["a token"] * bool(unknown)
        ),
        given=given,
    )


def _is_hardware_key(file: str) -> bool:
    try:
        return Path(f"{file}.pub").read_text(encoding="utf-8").startswith("sk-")
    except (OSError, ValueError):
        return file.endswith("_sk") and Path(file).exists()
