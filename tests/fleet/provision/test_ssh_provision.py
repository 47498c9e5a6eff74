"""A host behind a real sshd is readied like any other; what it lacks is named with its cure."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from requirement import require

from pageswap.errors import (
    HostError,
    HostPythonError,
    UsageError,
)
from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.provision import host_python
from pageswap.fleet.provision.bundle import LOCAL_TAG, make_bundle
from pageswap.fleet.target import make_target
from pageswap.fleet.transport.transport import Reach, Stream, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fleet.sshd import Sshd

    from pageswap.fleet.target import Target


class DamagingStream:
    """A stream that changes a word on its way to the host."""

    def __init__(self, stream: Stream) -> None:
        """Take the real one."""
        self.read, self.end_input, self.cancel, self.close = stream.read, stream.end_input, stream.cancel, stream.close
        self._send = stream.send

    def send(self, data: bytes) -> None:
        """Send something else."""
        self._send(data.replace(b"_VERBS", b"_VERBZ"))


class DamagingTransport(Transport):
    """A transport over a line that changes a word."""

    def __init__(self, transport: Transport) -> None:
        """Take the real one."""
        super().__init__(transport.name, transport.reach)
        self._transport = transport

    def start(self, argv: Sequence[str], stdin: bytes, *, keeps_input: bool = False) -> Stream:
        """Start a program whose further input is damaged."""
        return DamagingStream(self._transport.start(argv, stdin, keeps_input=keeps_input))

    def close(self) -> None:
        """Let go."""
        self._transport.close()


class TestRealAgent:
    """The program that also runs on this machine."""

    def test_verbs_are_answered(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """Facts with the core's, and the state of a segment that never was."""
        target = reach()
        target.ensure_bundle(make_bundle())
        work_dir = target.work_dir("run", 1)
        facts = target.call("facts", {})

        assert work_dir == f"{sshd.folder}/cache/runs/run/lab1/1"
        assert target.call("status", {"work_dir": work_dir})["alive"] is False
        assert facts["environment"]["core"]["core_hash"]
        assert facts["environment"]["core"]["build"] == "controller"

    def test_a_second_time_uploads_nothing(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """The bundle is found by its hash; nothing else is left beside it, and only its user may look."""
        first, second = reach(), reach()
        first.ensure_bundle(make_bundle())
        folder = next((sshd.folder / "cache" / "bundles").iterdir())
        before = folder.stat().st_ino
        second.ensure_bundle(make_bundle())

        assert first.phase_seconds()["uploading"] > 0
        assert second.phase_seconds()["uploading"] == 0
        assert min(first.phase_seconds()["connecting"], second.phase_seconds()["connecting"]) > 0
        assert [path.stat().st_ino for path in (sshd.folder / "cache" / "bundles").iterdir()] == [before]
        assert {path.stat().st_mode & 0o777 for path in (folder, folder.parent, folder.parent.parent)} == {0o700}

    @pytest.mark.slow
    @pytest.mark.parametrize("damage", ["cut", "removed", "compiled changed"])
    def test_a_damaged_bundle_is_uploaded_again(self, sshd: Sshd, reach: Callable[..., Target], damage: str) -> None:
        """Its files are hashed on the host each time."""
        reach().ensure_bundle(make_bundle())
        folder = next((sshd.folder / "cache" / "bundles").iterdir())
        victim = folder / "pageswap" / "agent" / "cli.py"
        compiled = next((folder / "pageswap" / "agent" / "__pycache__").glob("cli.*"))
        if damage == "cut":
            victim.write_bytes(victim.read_bytes()[:-10])
        elif damage == "removed":
            victim.unlink()
        else:
            compiled.write_bytes(compiled.read_bytes()[:-1] + b"?")
        target = reach()
        target.ensure_bundle(make_bundle())

        assert target.phase_seconds()["uploading"] > 0
        assert target.call("status", {"work_dir": "/nowhere"})["alive"] is False

    def test_damage_on_the_way_is_found(
        self, sshd: Sshd, reach: Callable[..., Target], transport: Callable[..., Transport]
    ) -> None:
        """Each file is checked where it arrives; nothing of it stays."""
        with pytest.raises(HostError, match=r"lab1: .*arrived damaged \(sha256 differs\)"):
            reach(over=DamagingTransport(transport())).ensure_bundle(make_bundle())

        assert list((sshd.folder / "cache" / "bundles").iterdir()) == []

    def test_the_work_directory_may_be_elsewhere(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """As the inventory says; made, private, and with whatever name does not confuse a shell."""
        target = reach(workdir=f"{sshd.folder}/some where/päge")
        target.ensure_bundle(make_bundle())

        assert target.work_dir("run", 2) == f"{sshd.folder}/some where/päge/runs/run/lab1/2"
        assert target.call("status", {"work_dir": "/nowhere"})["alive"] is False
        assert (sshd.folder / "some where" / "päge").stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize(
        "name", ["a'b", "a$(touch canary)", "a`touch canary`", 'a"b', "a;touch canary", "a\\b", "a!b"]
    )
    def test_a_path_that_a_shell_could_misread_is_refused(
        self, sshd: Sshd, reach: Callable[..., Target], name: str
    ) -> None:
        """Rather than quoted for shells that nobody has listed."""
        target = reach(workdir=f"{sshd.folder}/{name}")
        with pytest.raises(HostError, match=r"all that a path on a host may hold.*'workdir:'"):
            target.ensure_bundle(make_bundle())

        assert list(sshd.home.rglob("canary")) == []
        assert not (sshd.folder / name).exists()

    def test_a_name_that_is_no_alias_is_refused(self, sshd: Sshd) -> None:
        """It becomes a folder's name there."""
        with pytest.raises(UsageError, match="is not a host"):
            make_target(InventoryHost("../lab1"), Reach(sshd.config))

    def test_one_connection_serves_all(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """Also calls at the same time, from several threads."""
        target = reach()
        target.ensure_bundle(make_bundle())
        target.close()
        answers: list[object] = []
        before = sshd.connections()
        threads = [
            threading.Thread(target=lambda: answers.append(target.call("status", {"work_dir": "/x"})["alive"]))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert answers == [False] * 6
        assert sshd.connections() == before + 1

    def test_a_call_after_closing_connects_again(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """Closing lets go, no more."""
        target = reach()
        target.ensure_bundle(make_bundle())
        before = sshd.connections()
        target.close()
        target.close()

        assert target.call("status", {"work_dir": "/x"})["alive"] is False
        assert sshd.connections() == before + 1

    def test_a_bundle_comes_first(self, reach: Callable[..., Target]) -> None:
        """Forgetting it is an error, not a crash."""
        with pytest.raises(HostError, match="no bundle"):
            reach().call("status", {})


class TestPythonsThatHang:
    """A program of that name which never says anything."""

    @pytest.fixture
    def hanging(self, sshd: Sshd) -> str:
        """Return its path on the host."""
        path = sshd.folder / "python3"
        path.write_text("#!/bin/sh\nsleep 1000 &\nwait\n")
        path.chmod(0o755)
        return str(path)

    def test_is_killed_and_named(
        self, sshd: Sshd, reach: Callable[..., Target], hanging: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing of it is left on the host."""
        monkeypatch.setattr(host_python, "START_S", 1)
        with pytest.raises(HostPythonError, match=r"^lab1: /.*/python3: did not start .* another 'python:', or none,"):
            reach(python=hanging).facts()

        assert [pid for pid in sshd.programs() if hanging in Path(f"/proc/{pid}/cmdline").read_text()] == []

    def test_is_not_waited_for_where_nothing_kills_it(self, reach: Callable[..., Target], hanging: str) -> None:
        """On a host without timeout(1), or whose login shell hangs."""
        with pytest.raises(
            HostPythonError, match=r"^lab1: no word from its Python within 0\.2 s; look at what 'ssh lab1"
        ):
            reach(python=hanging, probe_s=0.2).facts()


class TestPython:
    """What a host must have."""

    @pytest.fixture
    def path(self, sshd: Sshd) -> Iterator[Path]:
        """Return a folder that is all of the host's PATH, with a shell in it."""
        folder = sshd.folder / "bin"
        folder.mkdir()
        (folder / "sh").symlink_to("/bin/sh")
        sshd.stop()
        sshd.environment["PATH"] = str(folder)
        sshd.start()
        return folder

    @staticmethod
    def fake(path: Path, version: str) -> None:
        """Put a Python there that says it is of that version."""
        path.write_text(f'#!/bin/sh\ncase "$*" in *version.split*) echo {version};; *) exit 1;; esac\n')
        path.chmod(0o755)

    def test_none(self, path: Path, reach: Callable[..., Target]) -> None:
        """The names that were looked for are given."""
        assert path
        with pytest.raises(
            HostPythonError,
            match=r"no Python >= 3\.9 \(looked for python3, python3\.14, .*\): .*python3\.9: not found; install",
        ):
            reach(python=None).facts()

    def test_the_inventorys_is_not_there(self, reach: Callable[..., Target]) -> None:
        """No other is taken instead."""
        with pytest.raises(HostPythonError, match=r"'python:' .*: .*/nowhere/python3.*; .* another one or none"):
            reach(python="/nowhere/python3").facts()

    def test_one_that_is_too_old(self, path: Path, reach: Callable[..., Target]) -> None:
        """Is named with its version."""
        self.fake(path / "python3", "3.8.10")
        with pytest.raises(HostPythonError, match=r"too old: found python3 3\.8\.10, expected >= 3\.9; .*'python:'"):
            reach(python=None).facts()

    def test_a_newer_one_beside_an_old_one(self, path: Path, reach: Callable[..., Target]) -> None:
        """Is found by its own name."""
        self.fake(path / "python3", "3.8.10")
        (path / "python3.11").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (path / "python3.11").chmod(0o755)

        assert reach(python=None).facts().tag == LOCAL_TAG

    @pytest.mark.slow
    @pytest.mark.parametrize("version", ["3.9", "3.10", "3.12", "3.13"])
    def test_any_python_that_serves_gets_its_backend(
        self, sshd: Sshd, reach: Callable[..., Target], version: str
    ) -> None:
        """Downloaded once, with the hash it must have."""
        pythons = sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python3")) or [
            Path(found) for found in [shutil.which(f"python{version}")] if found
        ]
        if not pythons:
            pytest.skip(f"there is no Python {version} here")
        target = reach(python=str(pythons[0]))
        try:
            target.ensure_bundle(make_bundle())
        except HostPythonError as error:
            require("pip-index", present=False, reason=str(error))

        assert target.call("facts", {})["environment"]["python"].startswith(version)
        del sshd


class TestFolders:
    """Where a bundle cannot be, and why."""

    @pytest.fixture
    def mounted(self, sshd: Sshd) -> Iterator[Callable[[str], Path]]:
        """Mount a small file system with given options."""
        folder = sshd.folder / "mounted"
        folder.mkdir()

        def mount(options: str) -> Path:
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
            return folder

        yield mount
        subprocess.run(["umount", "-l", str(folder)], check=False, stderr=subprocess.DEVNULL)

    def test_noexec(self, reach: Callable[..., Target], mounted: Callable[[str], Path]) -> None:
        """What may not be executed there is said, not that a segment could not be mapped."""
        with pytest.raises(HostError, match=r"noexec\); give it a 'workdir:' elsewhere"):
            reach(workdir=f"{mounted('noexec')}/x").ensure_bundle(make_bundle())

    def test_full(self, reach: Callable[..., Target], mounted: Callable[[str], Path]) -> None:
        """Half a bundle does not stay."""
        folder = mounted("size=300k")
        with pytest.raises(HostError, match=r"cannot be written: No space left on device; free space .*'workdir:'"):
            reach(workdir=f"{folder}/x").ensure_bundle(make_bundle())

        assert list((folder / "x" / "bundles").iterdir()) == []

    def test_read_only(self, reach: Callable[..., Target], mounted: Callable[[str], Path]) -> None:
        """A folder that was asked for is not replaced by another."""
        with pytest.raises(HostError, match=r"Read-only file system; .*'workdir:'"):
            reach(workdir=f"{mounted('ro')}/x").facts()
