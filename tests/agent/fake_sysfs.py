"""A host's clocks, huge pages and limit on mappings, in files that behave as the kernel's do when they are written."""

from __future__ import annotations

import errno
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.settings import BOOST, CPUS, NO_TURBO, THP

if TYPE_CHECKING:
    from collections.abc import Mapping

GOVERNOR = "scaling_governor"
ENABLED = f"{THP}/enabled"
SIZED = f"{THP}/hugepages-64kB/enabled"
SHARED = f"{THP}/hugepages-64kB/shmem_enabled"
# Which files are not the real host's.
_OURS = re.compile(rf"{CPUS}/(cpu[0-9]+/)?(cpufreq|intel_pstate)(/.*)?|{THP}(/.*)?|/proc/sys/vm/max_map_count")


def policy(number: int, file: str = GOVERNOR) -> str:
    """Name a file of a policy."""
    return f"{CPUS}/cpufreq/policy{number}/{file}"


class FakeSysfs(HostFiles):
    """The real host but for these files, which lie below a folder; what `refused` names cannot be written.

    `write_s` is how long a write takes, `real` has the host's own huge pages be used.
    """

    def __init__(
        self, root: str, refused: Mapping[str, int] | None = None, *, write_s: float = 0.0, real: bool = False
    ) -> None:
        """Take the folder, and an error number for each path that is refused."""
        super().__init__()
        self.root = root
        self.refused = refused or {}
        self._write_s = write_s
        self._real = THP if real else "\0"

    def path(self, path: str) -> str:
        """Return where a file lies."""
        return self.root + path if _OURS.fullmatch(path) and not path.startswith(self._real) else path

    def lay_out(self, files: Mapping[str, str]) -> None:
        """Write files as a kernel makes them."""
        for name, text in files.items():
            place = Path(self.path(name))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"{text}\n")

    def lay_out_policies(self, *cpus: tuple[int, ...], governor: str = "powersave", **more: str) -> None:
        """Make a policy of each group of CPUs, with more files of these names."""
        for group in cpus:
            affected = " ".join(map(str, group))
            texts = {"affected_cpus": affected, "scaling_available_governors": "performance powersave userspace"}
            self.lay_out({policy(group[0], file): text for file, text in (texts | {GOVERNOR: governor} | more).items()})
            for cpu in group:
                link = Path(self.path(f"{CPUS}/cpu{cpu}/cpufreq"))
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(f"../cpufreq/policy{group[0]}")

    def all(self) -> dict[str, bytes]:
        """Read every file, byte for byte."""
        found = {str(path): path.read_bytes() for path in Path(self.root).rglob("*") if path.is_file()}
        real = Path(self._real).rglob("*enabled") if self._real == THP else ()
        return found | {str(path): path.read_bytes() for path in real}

    def write(self, path: str, text: str) -> None:
        """Write as to a kernel, which shows a choice in brackets and takes no other word; raises OSError."""
        if self.path(path) == path:
            super().write(path, text)
            return
        time.sleep(self._write_s)
        if path in self.refused:
            raise OSError(self.refused[path], os.strerror(self.refused[path]))
        word, before = text.strip(), self.text(path) or ""
        words = before.replace("[", "").replace("]", "").split()
        if path.endswith(GOVERNOR):
            words = (self.text(path.replace("governor", "available_governors")) or "").split()
        elif path.endswith(("boost", "no_turbo")):
            words = ["0", "1"]
        if path.startswith("/sys") and word not in words:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if "[" in before:
            text = " ".join(f"[{each}]" if each == word else each for each in words) + "\n"
        # The one for all is passed on to each policy.
        own = [*Path(self.root).glob("**/policy*/boost")] if path == BOOST else []
        for place in (Path(self.path(path)), *own):
            self._write_whole(place, text)

    def _write_whole(self, place: Path, text: str) -> None:
        """Write a file at once, as a kernel does: whoever is killed has written all of it or nothing."""
        new = Path(f"{self.root}.new{os.getpid()}")
        new.write_text(text)
        new.replace(place)


def prepared(files: HostFiles, number: int) -> tuple[str | None, ...]:
    """Read what a run with --tune sets, with the governor of one policy."""
    return (
        files.text(policy(number)),
        files.text(BOOST) or files.text(NO_TURBO),
        *(files.choice(name) for name in (ENABLED, SIZED, SHARED)),
    )


# As of a machine that nobody has prepared.
UNPREPARED = {
    BOOST: "1",
    ENABLED: "[always] madvise never",
    SIZED: "always [inherit] madvise never",
    SHARED: "always inherit [within_size] advise never",
}
