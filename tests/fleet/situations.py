"""Situations of real fleets, a row each: what is there, and what comes of it over every transport.

What is in braces is a place of the lab's: the port of one of its hosts, or a path.
"""

from __future__ import annotations

from typing import Final, NamedTuple

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
LOCKED: Final = "IdentityFile {folder}/spare_locked\n"
AGENT: Final = "IdentityAgent {folder}/agent\nIdentitiesOnly no\nIdentityFile {folder}/no\n"
JUMP: Final = PORT + "ProxyJump lab2\nHost lab2\n"

UNKNOWN: Final = r"lab1 \(127\.0\.0\.1:\d+\): its host key .* is unknown"
NOBODY: Final = r"lab1 \(127\.0\.0\.1:\d+\): let nobody in"
UNCLEAR: Final = "cannot be understood as an ssh_config"
NOTHING: Final = "lab1: its login shell started nothing"
SILENT: Final = NOTHING + " within 1 s"


class Row(NamedTuple):
    """One situation.

    `config` is what the ssh_config says before `OTHERWISE`, `bashrc` is the host's, `python` a script that stands for
    its Python. The host `at` is reached, and on no other one a program starts; with an `error`, a pattern, on none at
    all. Where Fabric's library `lacks` something, `via: fabric` ends with that pattern, and nobody is let in. A program
    on the host says `told` where it is asked for `proof`, and so does the agent of its `fact`.
    """

    what: str
    config: str = PORT
    lacks: str = ""
    error: str = ""
    at: str = "right"
    bashrc: str = ""
    python: str = ""
    proof: str = ""
    fact: str = ""
    told: str = ""


# The machine that ssh reaches.
ROUTES: Final = (
    Row("a port"),
    Row("an equals sign", "Host lab1\nPort={right}\n"),
    Row("capitals and tabs", 'HOST lab1\n\tPORT\t"{right}"\n'),
    Row("lines as on Windows", "Host lab1\r\n  Port {right}\r\n"),
    Row("a comment after a value", "Host lab1\nPort {right} # {wrong}\n"),
    Row("a comment after a user", PORT + "User root # not me\n"),
    Row("the first of two values", PORT + "Port {wrong}\n"),
    Row("several patterns", "Host a b lab?\nPort {right}\n"),
    Row("a pattern with an exception", "Host lab2 !lab1\nPort {wrong}\nHost lab* !lab2\nPort {right}\n"),
    Row("Match host", "Host lab1\nHostName 127.0.0.1\nMatch host 127.0.0.1\nPort {right}\n"),
    Row("Match host of several", "Match host 10.*,lab1,!lab2\nPort {right}\n"),
    Row("Match originalhost", "Match originalhost lab1\nPort {right}\n"),
    Row("Match originalhost of another", "Match originalhost lab2\nPort {wrong}\nMatch all\nPort {right}\n"),
    Row("Match localuser", "Match localuser root\nPort {right}\n"),
    Row("Match user", "User root\nMatch user root\nPort {right}\n"),
    Row("Match exec", 'Match exec "test -e /etc/passwd"\nPort {right}\n'),
    Row("Match exec that fails", 'Match exec "test -e /nowhere"\nPort {wrong}\nMatch all\nPort {right}\n'),
    Row("Match exec with a token", 'Match exec "test %n = lab1"\nPort {right}\n'),
    Row("Match exec and host", 'Match host lab1 exec "true"\nPort {right}\n'),
    Row("Match negated", "Match !originalhost lab2\nPort {right}\n"),
    Row("Match final", "Match final all\nPort {wrong}\n" + PORT),
    Row("CanonicalizeHostname", "CanonicalizeHostname yes\nCanonicalDomains invalid\n" + PORT),
    Row(
        "Match canonical",
        "CanonicalizeHostname always\nCanonicalDomains invalid\nMatch canonical\nPort {right}\n" + PORT,
    ),
    Row("an Include in a block", "Host lab1\nInclude {folder}/included\nHost *\nPort {wrong}\n"),
    Row("an Include in another's block", "Host lab2\nInclude {folder}/included_too\nHost lab1\nPort {right}\n"),
    Row("an Include of a pattern", "Host lab1\nInclude {folder}/include[d]\n"),
    Row("an Include of nothing", "Include {folder}/nowhere/*\n" + PORT),
    Row("a limit with a unit", PORT + "ConnectTimeout 1m\n"),
    Row("a word that is to be ignored", "IgnoreUnknown Spark*\nSparkle yes\n" + PORT),
    Row("a word of former times", "Protocol 2\n" + PORT),
    Row("HostName with a token", "Host lab1\nHostName %h\nPort {right}\nHost 127.0.0.1\n", error="no such host name"),
    Row("Match tagged", "Host lab1\nTag x\nMatch tagged x\nPort {right}\n", at="as ssh"),
    Row("Match localnetwork", "Match localnetwork 127.0.0.0/8\nPort {right}\n", at="as ssh"),
    Row("Match sessiontype", "Match sessiontype exec\nPort {right}\n", at="as ssh"),
    Row("Match version", "Match version OpenSSH_*\nPort {right}\n", at="as ssh"),
    Row("Match command", "Match command *\nPort {right}\n", at="as ssh"),
    Row("a word that ssh does not know", PORT + "Sparkle yes\n", error=UNCLEAR),
    Row("a value that is none", "Host lab1\nPort many\n", error=UNCLEAR),
    Row("a port where nobody listens", "Host lab1\nPort 1\n", error="cannot be reached: Connection refused"),
    # Settings that do more than reach a host.
    Row("a command of the ssh_config's", PORT + "RemoteCommand false\nRequestTTY force\n"),
    Row("no session", PORT + "SessionType none\nStdinNull yes\nForkAfterAuthentication yes\n"),
    Row("a command here", PORT + "PermitLocalCommand yes\nLocalCommand false\n"),
    Row("a connection to share", PORT + "ControlMaster auto\nControlPath {folder}/cm-%C\nControlPersist 1m\n"),
    Row("a forwarding of a busy port", PORT + "LocalForward {right} x:1\nExitOnForwardFailure yes\n"),
    Row("much to log", PORT + "LogLevel DEBUG3\nVisualHostKey yes\n"),
    Row("nothing to log", PORT + "LogLevel QUIET\n"),
    Row("no signs of life", PORT + "ServerAliveInterval 0\nTCPKeepAlive no\nCompression yes\n"),
    Row("somebody to ask", PORT + "BatchMode no\nStrictHostKeyChecking ask\nNumberOfPasswordPrompts 3\n"),
    # The way to it.
    Row("a command with tokens", PORT + RACK + "HostName 203.0.113.1\nProxyCommand {relay} %n %p # %h\n"),
    Row("a command with a variable", PORT + RACK + "ProxyCommand ${{PLACE}}/relay x %p\n"),
    Row("a command in quotes", PORT + RACK + 'ProxyCommand "{folder}/relay of mine" x %p\n'),
    Row("a command that passes a socket", PORT + "ProxyCommand {relay} - %p\nProxyUseFdpass yes\n", "proxyusefdpass"),
    Row("a command that fails", PORT + "ProxyCommand exit 1\n", error="lab1 .*cannot be reached"),
    Row("no command after all", PORT + "ProxyCommand none\nProxyJump none\n"),
    Row("a jump", PORT + "ProxyJump lab2\n"),
    Row("a jump with user and port", PORT + "ProxyJump root@lab2:{wrong}\n"),
    Row("a jump as an address", PORT + "ProxyJump ssh://root@lab2:{wrong}\n"),
    Row("two jumps", PORT + "ProxyJump lab2,root@lab3:{wrong}\n"),
    Row("a jump of a jump", PORT + "ProxyJump lab2\nHost lab2\nProxyJump lab3\n"),
    Row("a jump before a command", PORT + "ProxyJump lab2\nProxyCommand false\n"),
    Row("a jump that passes a socket", PORT + "ProxyJump lab2\nProxyUseFdpass yes\n"),
    Row(
        "a jump with a name for its key",
        JUMP + "HostKeyAlias rack\nPort {right}\nUserKnownHostsFile {folder}/rack.known\n",
    ),
    Row("a jump of modern algorithms", JUMP + "Port {modern}\n", "lab2 .* kex algorithm .*sntrup761"),
    Row("a jump for one session", JUMP + "Port {single}\n"),
    Row("a jump for no session", JUMP + "Port {sessionless}\n"),
    Row("a jump for one at a time", JUMP + "Port {narrow}\n"),
    Row("a jump of an unknown key", JUMP + "UserKnownHostsFile none\n", error=r"lab2 \(.*: its host key .* is unknown"),
    Row("a jump that lets nobody in", JUMP + "Port {locked}\n", error=r"lab2 \(.*: let nobody in"),
    Row(
        "a jump that forwards nothing",
        JUMP + "Port {closed}\n",
        error=r"lab1 \(.*forwards nothing .*AllowTcpForwarding",
    ),
    Row("a jump that forwards elsewhere", JUMP + "Port {elsewhere}\n", error=r"lab1 \(.*forwards nothing .*PermitOpen"),
    Row("a jump to nobody", "Host lab1\nPort 1\nProxyJump lab2\n", error="the jump host cannot connect to it"),
    Row("a jump that is away", JUMP + "Port 1\n", error=r"lab2 \(.*cannot be reached: Connection refused"),
    Row("a jump that leads to itself", JUMP + "ProxyJump lab2\n", error="leads through more than 8 hosts"),
    Row(
        "a jump with a certificate",
        "Host lab1\nIdentityFile {key}\n" + JUMP + "IdentityFile {folder}/keys/signed\nPort {right}\n",
        "a certificate beside",
    ),
    Row("AddressFamily", PORT + "AddressFamily inet\n", "addressfamily"),
    Row("BindAddress", PORT + "BindAddress 127.0.0.1\n", "bindaddress"),
    Row("BindInterface", PORT + "BindInterface lo\n", "bindinterface"),
)
# Who the host is, and who may in.
KEYS: Final = (
    Row("HostKeyAlias", PORT + RACK),
    Row("a space in known_hosts' path", PORT + 'UserKnownHostsFile "{folder}/known with space"\n'),
    Row("a token in known_hosts' path", PORT + "UserKnownHostsFile {folder}/%k.known\n"),
    Row("a variable in known_hosts' path", PORT + "UserKnownHostsFile ${{PLACE}}/lab1.known\n"),
    Row("the second known_hosts", PORT + "UserKnownHostsFile {folder}/empty.known {known}\n"),
    Row("the system's known_hosts", PORT + "UserKnownHostsFile none\nGlobalKnownHostsFile {known}\n"),
    Row("hashed names", PORT + "UserKnownHostsFile {folder}/hashed.known\n"),
    Row("a name without its port", PORT + "UserKnownHostsFile {folder}/bare.known\n"),
    Row("a pattern of names", PORT + "UserKnownHostsFile {folder}/pattern.known\n"),
    Row("an unknown key", PORT + "UserKnownHostsFile none\n", error=UNKNOWN),
    Row(
        "an unknown key that nobody checks", PORT + "StrictHostKeyChecking no\nUserKnownHostsFile none\n", error=UNKNOWN
    ),
    Row(
        "an unknown key of this machine",
        PORT + "NoHostAuthenticationForLocalhost yes\nUserKnownHostsFile none\n",
        error=UNKNOWN,
    ),
    Row("a changed key", PORT + "UserKnownHostsFile {folder}/changed.known\n", error="its host key has changed"),
    Row("a key revoked among the known", PORT + "UserKnownHostsFile {folder}/revoked.known\n", error="is revoked"),
    Row("RevokedHostKeys", PORT + "RevokedHostKeys {folder}/revoked\n", "revokedhostkeys", "is revoked"),
    Row("a host's certificate", PORT + "UserKnownHostsFile {folder}/authority\n", "@cert-authority"),
    Row(
        "a host's certificate for its alias",
        PORT + "HostKeyAlias rack\nUserKnownHostsFile {folder}/rack.authority\n",
        "@cert-authority",
    ),
    Row(
        "a certificate for another name",
        PORT + "HostKeyAlias attic\nUserKnownHostsFile {folder}/authority\n",
        error="is unknown",
    ),
    Row(
        "a certificate of nobody's", PORT + "UserKnownHostsFile {folder}/other_authority\n", "@cert-authority", UNKNOWN
    ),
    Row(
        "KnownHostsCommand", PORT + "KnownHostsCommand /bin/cat {known}\nUserKnownHostsFile none\n", "knownhostscommand"
    ),
    Row("KnownHostsCommand that fails", PORT + "KnownHostsCommand /bin/false\n", "knownhostscommand", "lab1"),
    Row("a token in a key's path", PORT + "IdentityFile {folder}/keys/%n-%h-%r\n"),
    Row("a port in a key's path", PORT + "IdentityFile {folder}/keys/%p\n"),
    Row("a percent sign in a key's path", PORT + "IdentityFile {folder}/keys/100%%\n"),
    Row("a variable in a key's path", PORT + "IdentityFile ${{PLACE}}/keys/spare\n"),
    Row("a space in a key's path", PORT + 'IdentityFile "{folder}/keys/with space"\n'),
    Row("a token for ssh alone", PORT + "IdentityFile {folder}/%C\nIdentityFile {folder}/keys/spare\n", "a token"),
    Row("the second key", PORT + "IdentityFile {folder}/nowhere\nIdentityFile {folder}/nobody\nIdentityFile {key}\n"),
    Row("an RSA key", PORT + "IdentityFile {folder}/keys/rsa\n"),
    Row("an ECDSA key", PORT + "IdentityFile {folder}/keys/ecdsa\n"),
    Row("a key of nobody's", PORT + "IdentityFile {folder}/nobody\n", error=NOBODY),
    Row("a locked key", PORT + LOCKED, error=NOBODY.replace("let nobody in", "(let nobody in|the key is locked)")),
    Row("a locked key that the agent has", PORT + LOCKED),
    Row("the agent's key without a file", PORT + "IdentityFile {folder}/nowhere\nIdentitiesOnly no\n"),
    Row("another agent", PORT + AGENT, "identityagent"),
    Row("another agent by a variable", PORT + AGENT.replace("{folder}/agent", "${{PLACE}}/agent"), "identityagent"),
    Row(
        "an agent that never answers",
        PORT + AGENT.replace("/agent", "/silent") + "ConnectTimeout 1\n",
        "identityagent",
        error=r"lab1 \(.*: the ssh-agent at its IdentityAgent does not answer",
    ),
    Row("no agent", PORT + "IdentityAgent none\n", "identityagent"),
    Row(
        "a CertificateFile",
        PORT + "IdentityFile {folder}/signed\nCertificateFile {folder}/signed.cert\n",
        "certificatefile",
    ),
    Row("a certificate beside a key", PORT + "IdentityFile {folder}/keys/signed\n", "a certificate beside its key"),
    Row(
        "a certificate that has expired",
        PORT + "IdentityFile {folder}/keys/late\n",
        "a certificate beside its key",
        NOBODY,
    ),
    Row("GSSAPI without a ticket", PORT + "GSSAPIAuthentication yes\n"),
    Row("host-based logins", PORT + "HostbasedAuthentication yes\n", "hostbasedauthentication"),
    Row("no keys", PORT + "PubkeyAuthentication no\n", "pubkeyauthentication", NOBODY),
    Row("a host that lets nobody in", "Host lab1\nPort {locked}\n", error=NOBODY),
)
# What its sshd is like.
SSHDS: Final = (
    Row(
        "chacha20 only",
        "Host lab1\nPort {chacha20}\n",
        "ciphers that its sshd offers: chacha20-poly1305@openssh.com;",
        at="chacha20",
    ),
    Row(
        "umac only",
        "Host lab1\nPort {umac}\n",
        "macs that its sshd offers: umac-64-etm@openssh.com, umac-128@",
        at="umac",
    ),
    Row(
        "sntrup only",
        "Host lab1\nPort {sntrup}\n",
        "kex algorithm that its sshd offers: sntrup761x25519-sha512",
        at="sntrup",
    ),
    Row(
        "curve25519 by its RFC's name",
        "Host lab1\nPort {curve}\n",
        "kex algorithm that its sshd offers: curve25519-sha256;",
        at="curve",
    ),
    Row("modern algorithms only", "Host lab1\nPort {modern}\n", "kex algorithm", at="modern"),
    Row("an algorithm that it has not", PORT + "KexAlgorithms ecdh-sha2-nistp521\nHostKeyAlgorithms ssh-ed25519\n"),
    Row("one session", "Host lab1\nPort {single}\n", at="single"),
    Row(
        "no session at all", "Host lab1\nPort {sessionless}\n", error="no program could be started there: .*MaxSessions"
    ),
    Row("one at a time", "Host lab1\nPort {narrow}\n", at="narrow"),
    Row("no forwarding", "Host lab1\nPort {closed}\n", at="closed"),
    Row("a forced command that passes on", "Host lab1\nPort {passes_on}\n", at="passes_on"),
    Row("a forced command of its own", "Host lab1\nPort {forced}\n", error=NOTHING + ": backups only", at="forced"),
    Row("a banner", "Host lab1\nPort {greeting}\n", at="greeting"),
)
# What its login shell does before our command, or instead of it.
SHELLS: Final = (
    Row("a greeting", bashrc="echo Welcome to lab1"),
    Row("words on stderr", bashrc="echo fortune >&2"),
    Row("a greeting on both", bashrc="cat /etc/passwd; cat /etc/passwd >&2"),
    Row("a title", bashrc=r"printf '\033]0;lab1\007'"),
    Row("a cleared screen", bashrc=r"printf '\033[H\033[2J'; tput clear; stty -ixon; mesg n"),
    Row("no line's end", bashrc="printf 'a wise word'"),
    Row("bytes that are no text", bashrc=r"printf '\000\377\376\r\n'"),
    Row("our own words", bashrc='echo "$BASH_EXECUTION_STRING"'),
    Row("a long text", bashrc="head -c 300000 /dev/zero | tr '\\0' x"),
    Row("a long text on stderr", bashrc="head -c 300000 /dev/zero | tr '\\0' x >&2"),
    Row("words after it", bashrc='trap "echo goodbye" EXIT'),
    Row("words after it by another shell", bashrc='bash --norc -c "$BASH_EXECUTION_STRING"; echo goodbye; exit'),
    Row("words on stderr after it", bashrc='bash --norc -c "$BASH_EXECUTION_STRING"; echo goodbye >&2; exit 3'),
    Row("an unknown locale", bashrc="export LC_ALL=xx_XX.UTF-8"),
    Row("another folder", bashrc="cd /; umask 777"),
    Row("strict options", bashrc="set -euo pipefail"),
    Row("a program in the background", bashrc="sleep 1 & disown"),
    Row("an empty PATH", bashrc="PATH="),
    Row("zsh", bashrc='exec zsh -c "$BASH_EXECUTION_STRING"'),
    Row("fish", bashrc='exec fish -c "$BASH_EXECUTION_STRING"'),
    Row("busybox", bashrc='exec busybox sh -c "$BASH_EXECUTION_STRING"'),
    Row("dash", bashrc='exec dash -c "$BASH_EXECUTION_STRING"'),
    Row("a restricted shell", bashrc='exec bash --norc -rc "$BASH_EXECUTION_STRING"', error=NOTHING + ": .*restricted"),
    Row("rbash", bashrc='exec rbash --norc -c "$BASH_EXECUTION_STRING"', error=NOTHING + ": .*restricted"),
    Row("no login", bashrc="exec /usr/sbin/nologin", error=NOTHING + ": This account is currently not available"),
    Row("false", bashrc="exec false", error=NOTHING + "; 'ssh lab1 true' must work"),
    Row("a command of its own", bashrc="echo backups only; exit 0", error=NOTHING + ": backups only"),
    Row(
        "an error", bashrc="echo one >&2; echo disk quota exceeded >&2; exit 1", error=NOTHING + ": disk quota exceeded"
    ),
    Row("a shell that is not there", bashrc="exec /opt/zsh/bin/zsh", error=NOTHING + ": .*/opt/zsh/bin/zsh"),
    Row("another shell", bashrc="exec sh", error=SILENT),
    Row("another shell that greets", bashrc="echo hello; exec sh -s", error=SILENT + ": hello"),
    Row("zsh that reads commands", bashrc="exec zsh", error=SILENT),
    Row("fish that reads commands", bashrc="exec fish", error=SILENT),
    Row("busybox that reads commands", bashrc="exec busybox sh", error=SILENT),
    Row("a question", bashrc="read answer", error=SILENT),
    Row("a program that takes all", bashrc='exec cat > "$HOME/taken"', error=SILENT),
    Row("endless text", bashrc="exec yes noise", error=SILENT + ": n"),
    Row("endless words on stderr", bashrc="exec yes noise >&2", error=SILENT + ": n"),
)
EXEC: Final = 'exec {python} "$@"\n'
AFFINITY: Final = "sorted(os.sched_getaffinity(0))"
# Its Python, run exactly as it is named.
PYTHONS: Final = (
    Row("taskset", python='exec taskset -c 0 {python} "$@"\n', proof=AFFINITY, told="[0]"),
    Row("nice", python='exec nice -n 7 {python} "$@"\n', proof="os.nice(0) >= 7", told="True"),
    Row(
        "chrt", python='exec chrt -b 0 {python} "$@"\n', proof="os.sched_getscheduler(0) == os.SCHED_BATCH", told="True"
    ),
    Row("numactl", python='exec numactl --physcpubind=0 {python} "$@"\n', proof=AFFINITY, told="[0]"),
    Row(
        "sudo",
        python='exec sudo -n --preserve-env=PAGESWAP_HOME {python} "$@"\n',
        proof="os.environ['SUDO_USER']",
        told="root",
    ),
    Row("a clean environment", python='exec env -i {python} "$@"\n', proof="'HOME' in os.environ", told="False"),
    Row(
        "a module",
        python="module() {{ export LOADED=$2; echo Loading $2 >&2; }}\nmodule load 3.11\n" + EXEC,
        proof="os.environ['LOADED']",
        told="3.11",
    ),
    Row("a child", python='{python} "$@"\nstatus=$?\nexit $status\n', proof="1", told="1"),
    Row("a greeting before it", python="echo Loading python\n" + EXEC, error="lab1: .*Loading python"),
    Row("none", python="exit 127\n", error="cannot be started there"),
    Row(
        "one without its library",
        python="echo libpython3.so: cannot open shared object file >&2\nexit 127\n",
        error="cannot be started there: libpython3.so: cannot open",
    ),
    Row("one of another machine", python="exec /etc/passwd\n", error="cannot be started there: .*passwd"),
    Row("one that crashes", python="kill -SEGV $$\n", error="cannot be started there"),
    Row(
        "one that is too old",
        python='case "$*" in *version.split*) echo 3.8.10;; *) exit 1;; esac\n',
        error="too old: found .* 3.8.10, expected >= 3.9",
    ),
    Row(
        "one that ends early",
        python='case "$*" in *version_info*) exit 0;; esac\necho out of licences >&2\nexit 1\n',
        error="tells nothing of itself: out of licences",
    ),
    Row("one without json", python='exec {folder}/without_json/bin/python3 "$@"\n', error="No module named 'json'"),
    Row(
        "one without sysconfig",
        python='exec {folder}/without_sysconfig/bin/python3 "$@"\n',
        error="No module named 'sysconfig'",
    ),
    Row(
        "one without subprocess",
        python='exec {folder}/without_subprocess/bin/python3 "$@"\n',
        error="No module named 'subprocess'",
    ),
    Row(
        "one without hashlib",
        python='exec {folder}/without_hashlib/bin/python3 "$@"\n',
        error="No module named 'hashlib'",
    ),
    Row("one without ctypes", python='exec {folder}/without_ctypes/bin/python3 "$@"\n', proof="1", told="1"),
)
# What the far environment brings into a measured process: it is cut off.
ENVIRONMENTS: Final = tuple(
    Row(f"{name} in the environment", bashrc=f"export {name}={value}", fact="preload", told="{}")
    for name, value in (
        ("LD_PRELOAD", "$(ldd /bin/sh | grep -o '/[^ ]*/libc.so.6')"),
        ("LD_AUDIT", "/nowhere.so"),
        ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"),
        ("MALLOC_ARENA_MAX", "1"),
        ("MALLOC_PERTURB_", "85"),
    )
)
SITE: Final = (
    Row(
        "a sitecustomize",
        bashrc="mkdir -p s; echo 'CUSTOM = 1' > s/sitecustomize.py; export PYTHONPATH=$PWD/s",
        proof="'sitecustomize' in sys.modules",
        told="False",
    ),
    Row(
        "a module of that name",
        bashrc="mkdir -p s; echo 'raise SystemExit(7)' > s/json.py; export PYTHONPATH=$PWD/s",
        proof="1",
        told="1",
    ),
    Row(
        "a start-up file",
        bashrc="echo 'raise SystemExit(7)' > up.py; export PYTHONSTARTUP=$PWD/up.py PYTHONINSPECT=1",
        proof="1",
        told="1",
    ),
    Row(
        "a home that is none",
        bashrc="export PYTHONHOME=/nowhere PYTHONWARNINGS=error PYTHONHASHSEED=x",
        proof="1",
        told="1",
    ),
)

ROWS: Final = (*ROUTES, *KEYS, *SSHDS, *SHELLS, *PYTHONS, *ENVIRONMENTS, *SITE)
