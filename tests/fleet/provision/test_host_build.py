"""A host runs the controller's core where that loads, else one of its own making, else it says why not."""

from __future__ import annotations

import hashlib
import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from requirement import require

import pageswap
from pageswap.errors import HostBuildError, HostError
from pageswap.fleet.provision.bundle import CORE, Bundle, make_bundle
from pageswap.fleet.provision.host_build import Kit, core_from, judge, make_kit
from pageswap.fleet.provision.host_python import HostFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet.sshd import Sshd

    from pageswap.fleet.target import Target

OLD = HostFacts("/usr/bin/python3", "cp39", "glibc 2.31", "/cache")
TOO_NEW = "ImportError: /lib/libc.so.6: version `GLIBC_2.34' not found (required by /x/_core.abi3.so)"


@pytest.fixture
def too_new() -> Bundle:
    """Return a bundle whose core asks for a C library that no system has yet."""
    made = make_bundle()
    binary = made.files[CORE]
    assert b"GLIBC_2.17\0" in binary
    return Bundle.of({**made.files, CORE: binary.replace(b"GLIBC_2.17\0", b"GLIBC_9.17\0")}, made.tag)


@pytest.fixture
def compiler() -> None:
    """Need a C compiler on this machine, which is the host."""
    require("compiler", shutil.which("cc"), "needs a C compiler: apt-get install gcc libc6-dev")


def small_kit() -> Kit:
    """Return what builds a core of few methods, for what does not depend on which it has."""
    kit, kept = make_kit(), ("null", "index", "memcpy")
    table = "".join(f"PS_METHOD({name})\n" for name in kept).encode()
    files = {
        name: content
        for name, content in kit.files.items()
        if Path(name).parent != Path("native/methods") or Path(name).stem in kept
    }
    return Kit({**files, "native/methods.def": table}, (*kit.flags, "-O0"))


def core_of(target: Target) -> dict[str, str]:
    """Ask the host which core it measures with."""
    return dict(target.call("facts", {})["environment"]["core"])


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("via", ["fabric"], indirect=True)  # a compiler's time does not depend on the way to it
@pytest.mark.slow
class TestOnTheHost:
    """A real sshd, and this machine's compiler."""

    def test_it_is_built_there_when_the_controllers_does_not_load(
        self, sshd: Sshd, reach: Callable[..., Target], too_new: Bundle
    ) -> None:
        """Once; the rows say which it was, and that its bits are others."""
        first, second = reach(), reach()
        first.ensure_bundle(too_new)
        (folder,) = (sshd.folder / "cache" / "cores").iterdir()
        before = folder.stat().st_ino
        second.ensure_bundle(too_new)
        built = core_of(first)

        assert built["build"] == "host"
        assert built == core_of(second)
        assert built["core_hash"] != hashlib.sha256(too_new.files[CORE]).hexdigest()
        assert min(first.phase_seconds()["building"], second.phase_seconds()["building"]) > 0
        assert second.phase_seconds()["uploading"] == 0
        assert [path.stat().st_ino for path in (sshd.folder / "cache" / "cores").iterdir()] == [before]
        assert "memcpy" in {method["name"] for method in second.call("facts", {})["methods"] if method["available"]}

    def test_it_is_built_there_when_that_is_asked(self, reach: Callable[..., Target]) -> None:
        """Although the controller's would load."""
        target = reach(core="host", kit=small_kit)
        target.ensure_bundle(make_bundle())

        assert core_of(target)["build"] == "host"

    def test_a_damaged_build_is_built_again(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """It is hashed whenever it is used."""
        reach(core="host", kit=small_kit).ensure_bundle(make_bundle())
        binary = next((sshd.folder / "cache" / "cores").iterdir()) / "core.so"
        whole = binary.read_bytes()
        binary.write_bytes(whole[:-1])
        target = reach(core="host", kit=small_kit)
        target.ensure_bundle(make_bundle())

        assert binary.read_bytes() == whole
        assert core_of(target)["core_hash"] == hashlib.sha256(whole).hexdigest()

    def test_what_the_compiler_says_is_told(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """Nothing of the attempt stays."""
        broken = Kit({"glue.c": b"#error too old a system\n"}, ("-O2",))
        with pytest.raises(
            HostBuildError, match=r"could not compile the core: .*#error too old a system; install another"
        ):
            reach(core="host", kit=lambda: broken).ensure_bundle(make_bundle())

        assert list((sshd.folder / "cache" / "cores").iterdir()) == []


def test_it_is_not_built_where_it_may_not_be(reach: Callable[..., Target], too_new: Bundle) -> None:
    """Both versions are named, and the cure."""
    with pytest.raises(HostBuildError, match=r"core needs glibc 9\.17, found glibc [0-9.]+; .*--core auto") as raised:
        reach(core="controller").ensure_bundle(too_new)

    assert raised.value.exit_code == 3


def test_without_a_compiler_there_is_a_verdict(sshd: Sshd, reach: Callable[..., Target], too_new: Bundle) -> None:
    """Both versions are named, and the cure."""
    sshd.stop()
    sshd.environment["PATH"] = str(sshd.home)
    (sshd.home / "sh").symlink_to("/bin/sh")
    sshd.start()
    with pytest.raises(
        HostBuildError, match=r"needs glibc 9\.17, found glibc [0-9.]+, and there is no C compiler.* gcc"
    ):
        reach().ensure_bundle(too_new)


def test_the_kit_needs_nothing_of_the_host_but_a_compiler() -> None:
    """Sources, the glue, and Python's headers; the flags name no folder of this machine."""
    kit = make_kit()

    assert {"glue.c", "native/pageswap.h", "native/methods.def", "native/methods/memcpy.c", "python/Python.h"} <= set(
        kit.files
    )
    assert str(Path.cwd()) not in " ".join(kit.flags)
    assert str(Path(pageswap.__file__).parents[1]).encode() not in kit.files["glue.c"]


def test_the_controllers_core_asks_for_little() -> None:
    """Any glibc since 2018 has what it needs, so that most hosts run the same bits."""
    binary = make_bundle().files[CORE]
    versions = {tuple(map(int, text.split(b"\0")[0].split(b"."))) for text in binary.split(b"\0GLIBC_")[1:]}

    assert max(versions) <= (2, 27)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"facts": {}, "binary": ""},
        {"facts": None, "binary": "AAAA"},
        {"facts": {"core_hash": "0" * 64}, "binary": "AAAA"},
        {"facts": {"core_hash": "0" * 64}, "binary": "not base64"},
        {"facts": {"core_hash": hashlib.sha256(b"").hexdigest()}, "binary": ""},
    ],
)
def test_what_a_host_sends_as_its_core_is_checked(answer: dict[str, object]) -> None:
    """It may send anything."""
    with pytest.raises(HostBuildError, match="arrived damaged"):
        core_from("lab1", answer, TOO_NEW, OLD)


def test_why_a_core_does_not_load_is_told_apart() -> None:
    """Only a C library's age is cured by building."""
    judge("lab1", TOO_NEW, "/cache")
    with pytest.raises(HostError, match=r"^lab1: /cache: nothing there may be executed") as noexec:
        judge("lab1", "ImportError: /x/_core.so: failed to map segment from shared object", "/cache")
    with pytest.raises(HostBuildError, match=r"libffi\.so\.8"):
        judge("lab1", "ImportError: libffi.so.8: cannot open shared object file", "/cache")

    assert noexec.type is HostError


def test_many_hosts_at_once_leave_the_streams_alone(capfd: pytest.CaptureFixture[str]) -> None:
    """Each has a thread of its own, and others print meanwhile."""
    before = sys.stderr
    make_kit.cache_clear()
    threads = [threading.Thread(target=make_kit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    printed = capfd.readouterr()

    assert sys.stderr is before
    assert (printed.out, printed.err) == ("", "")
    assert "glue.c" in make_kit().files
