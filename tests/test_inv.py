"""The wrapper, in a copy of its own and with no tool on its PATH but those named.

Most tests give it a stand-in for Python that makes no real environment; those that use a real one install one small
wheel, without a network.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALWAYS = ("flock", "grep", "mkdir", "mktemp", "rm", "sha256sum", "tail")

# What the wrapper starts, in the environment that it made.
START = """
import os, sys
import invoke
print("start", *(f"<{a}>" for a in sys.argv[1:]), "in", os.getcwd())
"""

# Does as Python does for what the wrapper asks of it; `hang` makes its pip stop half-way.
PYTHON = """
case "$1 $2 $3" in
    "-I -c "*) echo "$0" ;;
    "-I -m venv") /bin/mkdir -p "$4/bin" && /bin/cp "$0" "$4/bin/python" ;;
    "-m pip install")
        [ ! -e "$HOME/hang" ] || exec /bin/sleep 100
        for each in "$@"; do last=$each; done
        /bin/cp "$last" ".venv/installed $last" ;;
    "-P $HOME/a checkout/pageswap/console/start.py"*|"-P $HOME/moved here/pageswap/console/start.py"*)
        shift 2; printf start; printf ' <%s>' "$@"; echo " in $PWD" ;;
    *) exit 99 ;;
esac
"""


def make_wheel(folder: Path, version: str) -> str:
    """Write a wheel of a stand-in for invoke that prints its arguments; return its line of a lock file."""
    files = {
        "invoke/__init__.py": "",
        f"invoke-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: invoke\nVersion: {version}\n",
        f"invoke-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}\n"
        for name, text in files.items()
    )
    path = folder / f"invoke-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
        wheel.writestr(f"invoke-{version}.dist-info/RECORD", record + f"invoke-{version}.dist-info/RECORD,,\n")
    return f"invoke=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


class Checkout:
    """A folder with ./inv, a lock file, and the only tools that ./inv can find."""

    def __init__(self, folder: Path) -> None:
        """Make it in a folder whose name has a space."""
        self.root = folder / "a checkout"
        self.bin = folder / "bin"
        self.wheels = folder / "wheels"
        for path in (self.root, self.bin, self.wheels):
            path.mkdir()
        shutil.copy2(ROOT / "inv", self.root)
        (self.root / "pageswap/console").mkdir(parents=True)
        (self.root / "pageswap/console/start.py").write_text(START)
        self.lock("1.0")
        self.give(*ALWAYS, "cc")
        self.script("id", "echo 1000")
        self.script("python3", PYTHON)

    def use_real_python(self) -> None:
        """Let the wrapper find the Python that runs the tests instead of the stand-in."""
        self.take("python3")
        (self.bin / "python3").symlink_to(os.path.realpath(sys.executable))

    def lock(self, version: str) -> None:
        """Let the lock file ask for this version."""
        (self.root / "requirements.lock").write_text(make_wheel(self.wheels, version))
        (self.root / "requirements-dev.lock").write_text("")

    def give(self, *names: str) -> None:
        """Put tools of this machine on the wrapper's PATH."""
        for name in names:
            found = shutil.which(name)
            assert found is not None, name
            (self.bin / name).symlink_to(found)

    def take(self, *names: str) -> None:
        """Take tools off the wrapper's PATH."""
        for name in names:
            (self.bin / name).unlink()

    def script(self, name: str, text: str) -> None:
        """Put a tool on the wrapper's PATH that does what `text` says."""
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.bin / name).chmod(0o755)

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """Start ./inv with nothing of the caller's environment."""
        environment = {
            "PATH": str(self.bin),
            "HOME": str(self.root.parent),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_CONFIG_FILE": os.devnull,
            **options.pop("settings", {}),
        }
        return subprocess.Popen(
            [options.pop("inv", str(self.root / "inv")), *args],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def inv(self, *args: str, **options: Any) -> tuple[int, str, str]:
        """Run ./inv; return its exit code, stdout and stderr."""
        process = self.start(*args, **options)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Give a checkout in which ./inv never ran."""
    return Checkout(tmp_path)


@pytest.mark.slow
def test_first_run_makes_the_environment_and_passes_the_arguments_on(checkout: Checkout) -> None:
    """A line says what is made and what it takes, one its step; pip's own words are not seen; arguments arrive."""
    elsewhere = checkout.root.parent
    checkout.use_real_python()

    code, out, err = checkout.inv("run", "--spec", "with space.yaml", cwd=elsewhere)

    assert code == 0, err
    assert out == f"start <run> <--spec> <with space.yaml> in {elsewhere}\n"
    first, second = err.splitlines()
    assert "making .venv with " in first
    assert "MB" in first
    assert second == "inv: installing the packages of requirements.lock"


def test_nothing_changed_runs_one_program(checkout: Checkout) -> None:
    """With .venv current, the wrapper needs no tool but the one that hashes the lock file."""
    checkout.inv()
    checkout.take("python3", "cc", "id", *(name for name in ALWAYS if name != "sha256sum"))

    code, out, err = checkout.inv("plan")

    assert (code, err) == (0, "")
    assert out.startswith("start ")


def test_called_through_a_link_and_a_relative_path(checkout: Checkout) -> None:
    """The checkout is found from a symbolic link on PATH and from `../inv`."""
    link = checkout.root.parent / "pageswap"
    link.symlink_to(checkout.root / "inv")
    below = checkout.root / "experiments"
    below.mkdir()

    code, _, err = checkout.inv(inv=str(link), cwd=below)
    assert code == 1
    assert err.splitlines()[-1] == f"inv: cannot tell where {link} points"

    checkout.give("readlink")
    assert checkout.inv(inv=str(link), cwd=below)[0] == 0
    assert checkout.inv("plan", inv="../inv", cwd=below)[1] == f"start <plan> in {below}\n"


def test_changed_lock_file_installs_again(checkout: Checkout) -> None:
    """A lock file with other content is installed, however its time stamp reads, and nothing old stays."""
    checkout.inv()
    before = (checkout.root / "requirements.lock").stat()
    (checkout.root / ".venv/left over").touch()
    checkout.lock("2.0")
    os.utime(checkout.root / "requirements.lock", ns=(before.st_atime_ns, before.st_mtime_ns))

    code, _, err = checkout.inv()

    assert code == 0
    assert "making .venv" in err
    assert "invoke==2.0" in (checkout.root / ".venv/installed requirements.lock").read_text()
    assert not (checkout.root / ".venv/left over").exists()


def test_moved_checkout_is_repaired(checkout: Checkout) -> None:
    """An environment that was made for another place is made again."""
    checkout.inv()
    moved = checkout.root.with_name("moved here")
    checkout.root = checkout.root.rename(moved)

    code, out, err = checkout.inv()

    assert code == 0
    assert "making .venv" in err
    assert out.startswith("start ")
    assert checkout.inv()[2] == ""


def test_deleted_python_is_repaired(checkout: Checkout) -> None:
    """An environment whose Python is gone is made again."""
    checkout.inv()
    (checkout.root / ".venv/bin/python").unlink()
    (checkout.root / ".venv/bin/python").symlink_to("/nowhere/python3")

    code, _, err = checkout.inv()

    assert code == 0
    assert "making .venv" in err
    assert checkout.inv()[2] == ""


def test_killed_first_run_is_repaired(checkout: Checkout) -> None:
    """What a first run left when it was killed half-way is never taken for an environment."""
    hang = checkout.root.parent / "hang"
    hang.touch()
    process = checkout.start(start_new_session=True)
    deadline = time.monotonic() + 60
    while not (checkout.root / ".venv/bin/python").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    hang.unlink()

    code, out, err = checkout.inv()

    assert code == 0, err
    assert "making .venv" in err
    assert out.startswith("start ")


def test_two_first_runs_at_once_make_it_once(checkout: Checkout) -> None:
    """The second waits for the first and finds its work done."""
    processes = [checkout.start("one"), checkout.start("two")]
    answers = [process.communicate(timeout=120) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], answers
    assert sum(err.count("making .venv") for _, err in answers) == 1


@pytest.mark.slow
def test_pip_failure_shows_its_last_words(checkout: Checkout) -> None:
    """A hash that does not match ends with pip's reason and code 1, and the next run tries again."""
    checkout.use_real_python()
    (checkout.root / "requirements.lock").write_text("invoke==1.0 --hash=sha256:" + "0" * 64 + "\n")

    code, out, err = checkout.inv()

    assert (code, out) == (1, "")
    assert "HASHES" in err
    assert err.splitlines()[-1].startswith("inv: could not make .venv (whole log: ")
    assert not (checkout.root / ".venv/requirements.lock.stamp").exists()


@pytest.mark.parametrize("task", ["test", "lint", "format", "bench"])
def test_developing_adds_its_packages_when_it_begins(checkout: Checkout, task: str) -> None:
    """Who measures waits for none of them; a developer's first task installs them, once."""
    checkout.inv("run", "--spec", "test")
    assert not (checkout.root / ".venv/installed requirements-dev.lock").exists()

    code, _, err = checkout.inv("--echo", task)

    assert code == 0, err
    assert "making .venv" not in err
    assert "installing the packages of requirements-dev.lock" in err
    assert checkout.inv(task)[2] == ""


@pytest.mark.slow
def test_an_unreachable_index_names_the_way_to_bring_packages(checkout: Checkout) -> None:
    """Offline, pip's words end with the two commands that bring wheels from elsewhere."""
    checkout.use_real_python()
    shutil.rmtree(checkout.wheels)
    checkout.wheels.mkdir()

    code, _, err = checkout.inv()

    assert code == 1
    assert "pip download" in err
    assert "PIP_NO_INDEX=1 PIP_FIND_LINKS=wheels ./inv" in err


@pytest.mark.slow
def test_where_a_user_keeps_packages_does_not_matter(checkout: Checkout) -> None:
    """The environment is the checkout's own, whatever pip is told to do elsewhere."""
    checkout.use_real_python()
    elsewhere = checkout.root.parent / "elsewhere"
    places = {
        "PIP_USER": "1",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_TARGET": str(elsewhere),
        "PIP_PREFIX": str(elsewhere),
    }

    code, out, err = checkout.inv("plan", settings={**places, "PYTHONPATH": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1"})

    assert code == 0, err
    assert out.startswith("start <plan>")
    assert not elsewhere.exists()
    # What a command imported is kept compiled: doing it anew takes as long as all else that a run does here.
    assert list(checkout.root.glob(".venv/lib/*/site-packages/invoke/__pycache__/*.pyc"))


def test_a_checkout_that_cannot_be_written_is_told_in_one_line(checkout: Checkout) -> None:
    """With the cure, and nothing is tried."""
    (checkout.root / "build").write_text("a file, which not even root makes a folder of")

    code, _, err = checkout.inv()

    assert code == 1
    assert err == f"inv: cannot write to {checkout.root}; copy the checkout to a folder of your own\n"


@pytest.mark.parametrize(
    ("tool", "line"),
    [
        ("apt-get", "    sudo apt-get update && sudo apt-get install --no-install-recommends -y gcc libc6-dev"),
        ("dnf", "    sudo dnf install -y gcc glibc-devel kernel-headers"),
        ("zypper", "    sudo zypper install -y gcc glibc-devel linux-glibc-devel"),
        ("pacman", "    sudo pacman -S --needed gcc glibc linux-api-headers"),
        ("apk", "    sudo apk add gcc musl-dev linux-headers"),
    ],
)
def test_missing_compiler_as_a_user_prints_the_command(checkout: Checkout, tool: str, line: str) -> None:
    """Nothing is installed for who is not root; the exact command is the last line; exit 1."""
    checkout.take("cc")
    checkout.script(tool, "echo installed something >&2")

    code, out, err = checkout.inv("run")

    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == line
    assert "a C compiler" in err
    assert "installed something" not in err
    assert not (checkout.root / ".venv").exists()


def test_missing_python_as_a_user_prints_the_command(checkout: Checkout) -> None:
    """Without any Python the command names the newest one that apt knows, with headers and venv."""
    checkout.take("python3")
    checkout.script("apt-get", "exit 99")
    checkout.script("apt-cache", 'case "$*" in *python3.12*) echo "Package: it";; *) exit 100;; esac')

    code, _, err = checkout.inv()

    assert code == 1
    expected = "apt-get install --no-install-recommends -y python3.12 libpython3.12-dev python3.12-venv"
    assert err.splitlines()[-1] == f"    sudo apt-get update && sudo {expected}"


def test_root_installs_with_apt(checkout: Checkout) -> None:
    """As root the lists are fetched, what is missing and nothing else is installed, one line says so, work goes on."""
    checkout.take("cc")
    checkout.give("ln")
    checkout.script("id", "echo 0")
    gcc = shutil.which("cc")
    log = checkout.root.parent / "apt.log"
    checkout.script(
        "apt-get", f'echo "$* $DEBIAN_FRONTEND" >>"{log}"\n[ "$1" = update ] || ln -s {gcc} "{checkout.bin}/cc"'
    )

    code, out, err = checkout.inv()

    assert code == 0, err
    assert out.startswith("start ")
    assert log.read_text().splitlines() == [
        "update noninteractive",
        "install --no-install-recommends -y gcc libc6-dev noninteractive",
    ]
    assert "inv: apt-get install --no-install-recommends gcc libc6-dev" in err.splitlines()


def test_root_is_told_when_apt_fails(checkout: Checkout) -> None:
    """What apt said is shown when it cannot install, and the code is 1."""
    checkout.take("cc")
    checkout.script("id", "echo 0")
    checkout.script("apt-get", "echo E: no such package; exit 100")

    code, _, err = checkout.inv()

    assert code == 1
    assert "E: no such package" in err


def test_python_without_headers_is_passed_over(checkout: Checkout) -> None:
    """A Python that lacks Python.h or venv is not used when another on PATH has them."""
    checkout.script("python3", "echo part 3.11")
    checkout.script("python3.12", PYTHON)

    code, _, err = checkout.inv()

    assert code == 0, err
    assert f"with {checkout.bin}/python3.12 " in err


def test_python_without_headers_alone_asks_for_its_own(checkout: Checkout) -> None:
    """The headers asked for are those of the Python that is there, before any newer one that apt knows."""
    checkout.script("python3", "echo part 3.11")
    checkout.script("apt-get", "exit 99")
    checkout.script("apt-cache", "echo Package: it")

    code, _, err = checkout.inv()

    assert code == 1
    assert err.splitlines()[-1].endswith(" python3.11 libpython3.11-dev python3.11-venv")


def test_ctrl_c_waits_until_python_hears_it(checkout: Checkout) -> None:
    """Where env can block the signal while Python starts it does, from the run that makes the environment on."""
    checkout.script("env", 'echo "env $1" >&2; shift; exec "$@"')
    checkout.give("true")
    checkout.inv()

    assert checkout.inv("plan")[2] == "env --block-signal=INT\n"


def test_an_env_that_cannot_block_signals_is_left_out(checkout: Checkout) -> None:
    """As in busybox."""
    checkout.script("env", "exit 1")
    checkout.inv()

    assert checkout.inv("plan")[::2] == (0, "")


def test_ctrl_c_in_the_wrapper_is_one_line(checkout: Checkout) -> None:
    """Also while the environment is being made; exit code 130."""
    (checkout.root.parent / "hang").touch()
    process = checkout.start(start_new_session=True)
    while not (checkout.root / ".venv/bin/python").exists():
        time.sleep(0.01)
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert err.splitlines()[-1] == "inv: interrupted"


def test_no_umask_makes_an_environment_that_its_owner_may_not_enter(checkout: Checkout) -> None:
    """One of 777 takes the owner's rights away, too."""
    code, _, err = checkout.inv("list", umask=0o777)

    assert code == 0, err
    assert (checkout.root / ".venv").stat().st_mode & 0o777 == 0o700
