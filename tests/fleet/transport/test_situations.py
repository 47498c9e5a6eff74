"""Situations of real fleets, a row each: over every transport the machine that ssh reaches is the one that is reached.

Beside the host that a row means another one listens, which a reader that knows less of ssh_config would take.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
from fleet.sshd import Sshd, make_key, wait_for
from requirement import require

from pageswap.errors import HostAuthError, HostError, HostKeyError
from pageswap.fleet.transport import transport as limits
from pageswap.fleet.transport.registry import TRANSPORTS
from pageswap.fleet.transport.transport import Reach

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pageswap.fleet.transport.transport import Transport

VIAS: Final = ("fabric", "openssh", "auto")
ECHO: Final = (sys.executable, "-c", "import sys; print(sys.stdin.read())")

# Who to be, and which machine is reached unless a row says otherwise before.
OTHERWISE: Final = """
Host *
HostName 127.0.0.1
Port {wrong}
User root
IdentityFile {key}
IdentitiesOnly yes
UserKnownHostsFile {known}
GlobalKnownHostsFile none
"""
PORT: Final = "Host lab1\nPort {right}\n"
RACK: Final = "HostKeyAlias rack\nUserKnownHostsFile {folder}/rack.known\n"


class Row(NamedTuple):
    """What the ssh_config says before `OTHERWISE`, and what comes of it.

    `is_beyond` fabric's library, which says so; with an `error` nobody is let in, whatever the transport.
    """

    what: str
    config: str
    is_beyond: bool = False
    error: type[HostError] | None = None


ROWS: Final = (
    Row("a port", PORT),
    Row("an equals sign", "Host lab1\nPort={right}\n"),
    Row("a comment after a value", "Host lab1\nPort {right} # {wrong}\n"),
    Row("a comment after a user", PORT + "User root # not me\n"),
    Row("a pattern with an exception", "Host lab2 !lab1\nPort {wrong}\nHost lab* !lab2\nPort {right}\n"),
    Row("Match host", "Host lab1\nHostName 127.0.0.1\nMatch host 127.0.0.1\nPort {right}\n"),
    Row("Match originalhost", "Match originalhost lab1\nPort {right}\n"),
    Row("Match originalhost of another", "Match originalhost lab2\nPort {wrong}\nMatch all\nPort {right}\n"),
    Row("Match localuser", "Match localuser root\nPort {right}\n"),
    Row("Match user", "User root\nMatch user root\nPort {right}\n"),
    Row("Match exec", 'Match exec "test -e /etc/passwd"\nPort {right}\n'),
    Row("Match exec that fails", 'Match exec "test -e /nowhere"\nPort {wrong}\nMatch all\nPort {right}\n'),
    Row("Match exec with a token", 'Match exec "test %n = lab1"\nPort {right}\n'),
    Row("Match negated", "Match !originalhost lab2\nPort {right}\n"),
    Row("CanonicalizeHostname", "CanonicalizeHostname yes\nCanonicalDomains invalid\n" + PORT),
    Row("an Include in a block", "Host lab1\nInclude {folder}/included\nHost *\nPort {wrong}\n"),
    Row("an Include in another's block", "Host lab2\nInclude {folder}/included_too\nHost lab1\nPort {right}\n"),
    Row("a limit with a unit", PORT + "ConnectTimeout 1m\n"),
    Row("a token in a key's path", PORT + "IdentityFile {folder}/keys/%n-%h-%u\n"),
    Row("a variable in a key's path", PORT + "IdentityFile ${{PLACE}}/keys/spare\n"),
    Row("a space in a key's path", PORT + 'IdentityFile "{folder}/keys/with space"\n'),
    Row("a token in known_hosts' path", PORT + "UserKnownHostsFile {folder}/%k.known\n"),
    Row("HostKeyAlias", PORT + RACK),
    Row("a command with tokens", PORT + RACK + "HostName 203.0.113.1\nProxyCommand {relay} %n %p # %h\n"),
    Row("a command that passes a socket", PORT + "ProxyCommand {relay} - %p\nProxyUseFdpass yes\n", is_beyond=True),
    Row("a jump", PORT + "ProxyJump lab2\n"),
    Row("two jumps", PORT + "ProxyJump lab2,root@lab3:{wrong}\n"),
    Row("a jump of a jump", PORT + "ProxyJump lab2\nHost lab2\nProxyJump lab3\n"),
    Row("GSSAPI without a ticket", PORT + "GSSAPIAuthentication yes\n"),
    Row("the agent's key without a file", PORT + "IdentityFile {folder}/nowhere\nIdentitiesOnly no\n"),
    Row("another agent", PORT + "IdentityAgent {folder}/agent\nIdentitiesOnly no\nIdentityFile {folder}/no\n", True),
    Row("no agent", PORT + "IdentityAgent none\n", True),
    Row("a CertificateFile", PORT + "IdentityFile {folder}/signed\nCertificateFile {folder}/signed.cert\n", True),
    Row("a certificate beside a key", PORT + "IdentityFile {folder}/keys/signed\n", True),
    Row("a host's certificate", PORT + "UserKnownHostsFile {folder}/authority\n", True),
    Row("KnownHostsCommand", PORT + "KnownHostsCommand /bin/cat {known}\nUserKnownHostsFile none\n", True),
    Row("AddressFamily", PORT + "AddressFamily inet\n", True),
    Row("BindAddress", PORT + "BindAddress 127.0.0.1\n", True),
    Row("a token for ssh alone", PORT + "IdentityFile {folder}/%C\nIdentityFile {folder}/keys/spare\n", True),
    Row("modern algorithms only", "Host lab1\nPort {modern}\n", True),
    Row("a revoked key", PORT + "RevokedHostKeys {folder}/revoked\n", True, HostKeyError),
    Row("an unknown key", PORT + "UserKnownHostsFile none\n", error=HostKeyError),
    Row("a certificate of nobody's", PORT + "UserKnownHostsFile {folder}/other_authority\n", True, HostKeyError),
    Row("a key of nobody's", PORT + "IdentityFile {folder}/nobody\n", error=HostAuthError),
    Row("a word that ssh does not know", PORT + "Sparkle yes\n", error=HostError),
    Row("a jump that leads to itself", PORT + "ProxyJump lab2\nHost lab2\nProxyJump lab2\n", error=HostError),
)
# What not every ssh knows: where it does, the machine is that one, and nobody's guess otherwise.
NEWER: Final = (
    Row("Match tagged", "Host lab1\nTag x\nMatch tagged x\nPort {right}\n"),
    Row("Match localnetwork", "Match localnetwork 127.0.0.0/8\nPort {right}\n"),
    Row("Match sessiontype", "Match sessiontype exec\nPort {right}\n"),
    Row("Match version", "Match version OpenSSH_*\nPort {right}\n"),
)
RELAY: Final = f"""#!{sys.executable}
import os, socket, sys, threading
s = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
if sys.argv[1] == "-":
    socket.send_fds(socket.socket(fileno=1), [b"x"], [s.fileno()])
    sys.exit()
def up():
    while data := os.read(0, 65536): s.sendall(data)
threading.Thread(target=up, daemon=True).start()
while data := s.recv(65536): os.write(1, data)
"""


class Lab(NamedTuple):
    """The host that is meant, one that knows the same keys, one with modern algorithms, and what a row may name."""

    right: Sshd
    wrong: Sshd
    modern: Sshd
    names: dict[str, object]

    def logins(self) -> tuple[int, int, int]:
        """Count who was let in where."""
        right, wrong, modern = (host.said().count("Starting session") for host in (self.right, self.wrong, self.modern))
        return right, wrong, modern


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Run the three hosts, an agent, and lay out what the rows name."""
    require("ssh", shutil.which("ssh"), "needs an OpenSSH client: apt-get install openssh-client")
    folder = tmp_path_factory.mktemp("lab")
    hosts = [Sshd(folder / name) for name in ("right", "wrong", "modern")]
    right, wrong, modern = hosts
    authority, other = (make_key(folder / name) for name in ("ca", "other_ca"))
    for host, extra in (
        (right, [f"HostCertificate {right.folder}/host_ed25519-cert.pub", f"TrustedUserCAKeys {folder}/ca.pub"]),
        (wrong, []),
        (modern, ["Ciphers chacha20-poly1305@openssh.com", "KexAlgorithms sntrup761x25519-sha512@openssh.com"]),
    ):
        host.stop()
        (host.folder / "authorized_keys").write_text(right.user_key.with_suffix(".pub").read_text())
        host.extra = extra
    sign = ["ssh-keygen", "-q", "-s", str(folder / "ca"), "-I", "test"]
    subprocess.run([*sign, "-h", "-n", "127.0.0.1", str(right.folder / "host_ed25519.pub")], check=True)
    (folder / "keys").mkdir()
    for path in ("signed", "keys/signed"):
        make_key(folder / path)
        subprocess.run([*sign, "-n", "root", str(folder / f"{path}.pub")], check=True)
    (folder / "signed-cert.pub").rename(folder / "signed.cert")
    for path in ("lab1-127.0.0.1-root", "spare", "with space"):
        shutil.copy(right.user_key, folder / "keys" / path)
    make_key(folder / "nobody")
    for host in hosts:
        host.start()
    known = folder / "known"
    known.write_text("".join(host.known_hosts.read_text() for host in hosts))
    own = right.host_keys["ed25519"].rsplit(" ", 1)[0]
    shutil.copy(known, folder / "lab1.known")
    (folder / "rack.known").write_text(f"rack {own}\n")
    (folder / "revoked").write_text(f"{own}\n")
    (folder / "authority").write_text(f"@cert-authority [127.0.0.1]:{right.port},lab1 {authority}\n")
    (folder / "other_authority").write_text(f"@cert-authority * {other}\n")
    (folder / "included").write_text(f"Port {right.port}\n")
    (folder / "included_too").write_text(f"Port {wrong.port}\n")
    relay = folder / "relay"
    relay.write_text(RELAY)
    relay.chmod(0o755)
    ports = {"right": right.port, "wrong": wrong.port, "modern": modern.port}
    names = {**ports, "folder": folder, "known": known, "key": right.user_key, "relay": relay}
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(folder / "agent")], stdout=subprocess.DEVNULL) as agent:
        wait_for((folder / "agent").exists)
        add = ["ssh-add", "-q", str(right.user_key)]
        subprocess.run(add, env={**os.environ, "SSH_AUTH_SOCK": str(folder / "agent")}, check=True)
        yield Lab(right, wrong, modern, names)
        agent.kill()
    for host in hosts:
        host.stop()


@pytest.fixture
def way(lab: Lab, via: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: Row) -> Iterator[Transport]:
    """Make the transport of a row, with an agent where the row is about the user's."""
    config = tmp_path / "ssh_config"
    # Keys are tried one after the other: a row that names some is about those.
    otherwise = OTHERWISE.replace("IdentityFile {key}\n", "") if "IdentityFile" in row.config else OTHERWISE
    config.write_text((row.config + otherwise).format(**lab.names))
    config.chmod(0o664)  # which ssh does not mind of a file that is named
    monkeypatch.setenv("PLACE", str(lab.names["folder"]))
    monkeypatch.delenv("KRB5CCNAME", raising=False)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    if "agent's key" in row.what:
        monkeypatch.setenv("SSH_AUTH_SOCK", f"{lab.names['folder']}/agent")
    made = TRANSPORTS[via]("lab1", Reach(config))
    yield made
    made.close()


def said(way: Transport, text: bytes = b"told") -> bytes:
    """Have a program on the host repeat a text."""
    stream = way.start(ECHO, text)
    try:
        return b"".join(iter(stream.read, b""))
    finally:
        stream.close()


@pytest.mark.slow
@pytest.mark.parametrize("via", VIAS)
@pytest.mark.parametrize("row", ROWS, ids=[row.what for row in ROWS])
def test_the_machine_that_ssh_reaches_is_reached(lab: Lab, way: Transport, row: Row, via: str) -> None:
    """And no program starts on another one; what is beyond fabric's library is left to ssh, or an error."""
    before = lab.logins()
    is_named = row.is_beyond and via == "fabric"
    if row.error or is_named:
        with pytest.raises(HostError, match="does not know" if is_named else "lab1|lab2|ssh_config") as raised:
            said(way)
        assert is_named or isinstance(raised.value, row.error or HostError)
        assert lab.logins() == before
        return
    assert said(way) == b"told\n"
    right, wrong, modern = (now - then for now, then in zip(lab.logins(), before, strict=True))

    assert (right, wrong, modern) == ((0, 0, 1) if "{modern}" in row.config else (1, 0, 0))


@pytest.mark.usefixtures("via", "row")
@pytest.mark.parametrize("via", VIAS)
@pytest.mark.parametrize("row", NEWER, ids=[row.what for row in NEWER])
def test_what_only_a_newer_ssh_knows(lab: Lab, way: Transport) -> None:
    """Is as this machine's ssh has it: the same machine, or an error."""
    before = lab.logins()
    asked = ["ssh", "-F", str(way.reach.ssh_config), "-o", "BatchMode=yes", "lab1", "true"]
    if subprocess.run(asked, check=False, capture_output=True).returncode == 0:
        assert said(way) == b"told\n"
        assert lab.logins() == (before[0] + 2, *before[1:])
        return
    with pytest.raises(HostError, match="ssh_config"):
        said(way)
    assert lab.logins() == before


class Noise(NamedTuple):
    """What a login shell does before our command, and the end of the error, or "" where the program starts."""

    what: str
    bashrc: str
    error: str = ""


NOISES: Final = (
    Noise("a greeting", "echo Welcome to lab1"),
    Noise("words on stderr", "echo fortune >&2"),
    Noise("a title", r"printf '\033]0;lab1\007'"),
    Noise("no line's end", "printf 'a wise word'"),
    Noise("our own words", 'echo "$BASH_EXECUTION_STRING"'),
    Noise("a long text", "head -c 300000 /dev/zero | tr '\\0' x"),
    Noise("an empty PATH", "PATH="),
    Noise("busybox", 'exec busybox sh -c "$BASH_EXECUTION_STRING"'),
    Noise("dash", 'exec dash -c "$BASH_EXECUTION_STRING"'),
    Noise("a restricted shell", 'exec bash --norc -rc "$BASH_EXECUTION_STRING"', "nothing: .*restricted"),
    Noise("no login", "exec /usr/sbin/nologin", "nothing: This account is currently not available"),
    Noise("a forced command", "echo backups only; exit 0", "nothing: backups only"),
    Noise("an error", "echo one >&2; echo disk quota exceeded >&2; exit 1", "nothing: disk quota exceeded"),
    Noise("another shell", "exec sh", "nothing within 2 s"),
    Noise("another shell that greets", "echo hello; exec sh -s", "nothing within 2 s: hello"),
    Noise("a question", "read answer", "nothing within 2 s"),
    Noise("a program that takes all", 'exec cat > "$HOME/taken"', "nothing within 2 s"),
    Noise("endless text", "exec yes noise", "nothing within 2 s: n"),
)


@pytest.mark.slow
@pytest.mark.usefixtures("via", "row")
@pytest.mark.parametrize("via", VIAS[:2])
@pytest.mark.parametrize("noise", NOISES, ids=[noise.what for noise in NOISES])
@pytest.mark.parametrize("row", [ROWS[0]], ids=[""])
def test_a_login_shell_is_sent_nothing_before_our_program_runs(
    lab: Lab, way: Transport, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So what it says is harmless, and what it starts instead is never given a program of ours."""
    monkeypatch.setattr(limits, "MARK_S", 2.0)
    taken = lab.right.home / "taken"
    taken.write_bytes(b"")
    if noise.what in ("busybox", "dash") and shutil.which(noise.what) is None:
        pytest.skip(f"there is no {noise.what} here")
    if not noise.error:
        monkeypatch.setattr(limits, "MARK_S", 40.0)
    (lab.right.home / ".bashrc").write_text(f"{noise.bashrc}\n")
    try:
        if noise.error:
            with pytest.raises(HostError, match=rf"^lab1: its login shell started {noise.error}") as raised:
                said(way, b"touch canary")
            assert "'ssh lab1 true' must work" in str(raised.value)
        else:
            assert said(way, b"touch canary") == b"touch canary\n"
    finally:
        (lab.right.home / ".bashrc").unlink()

    assert taken.read_bytes() == b""
    assert list(lab.right.home.glob("canary")) == []
