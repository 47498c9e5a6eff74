"""Large folios, NUMA balancing and preloaded libraries are found, also where the usual setting says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from agent.host.laid_out import lay_out, numa

from pageswap.agent.host import memory_checks

if TYPE_CHECKING:
    from pathlib import Path

    from pageswap.agent.host.finding import Finding

THP = "/sys/kernel/mm/transparent_hugepage"
BALANCING = "/proc/sys/kernel/numa_balancing"


def check(root: Path, name: str, files: dict[str, str], cpu: int | None = None) -> Finding:
    """Return one finding of a host with these files."""
    (found,) = (each for each in memory_checks.check(lay_out(root, files), cpu) if each.check == name)
    return found


class TestFolios:
    """A size's own setting outweighs the one for all."""

    @pytest.mark.parametrize(
        ("top", "size", "status"),
        [
            ("always madvise [never]", "[always] inherit madvise never", "warn"),
            ("always [madvise] never", "[always] inherit madvise never", "warn"),
            ("[always] madvise never", "always [inherit] madvise never", "warn"),
            ("always [madvise] never", "always [inherit] madvise never", "ok"),
            ("[always] madvise never", "always inherit [madvise] never", "ok"),
            ("[always] madvise never", "always inherit madvise [never]", "ok"),
        ],
    )
    def test_of_private_memory(self, tmp_path: Path, top: str, size: str, status: str) -> None:
        """Always, by itself or inherited; what must be asked for is fine."""
        found = check(tmp_path, "folios", {f"{THP}/enabled": top, f"{THP}/hugepages-64kB/enabled": size})

        assert status == found.status
        assert ("64kB of private memory" in found.found) == (status == "warn")
        assert ("hugepages-64kB/enabled" in found.cure) == (status == "warn")

    @pytest.mark.parametrize(
        ("top", "size", "status"),
        [
            ("always within_size advise [never] deny force", "[always] inherit within_size advise never", "warn"),
            ("always within_size advise [never] deny force", "always inherit [within_size] advise never", "warn"),
            ("always within_size advise never deny [force]", "always [inherit] within_size advise never", "warn"),
            ("always within_size advise [never] deny force", "always [inherit] within_size advise never", "ok"),
            ("[always] within_size advise never deny force", "always inherit within_size [advise] never", "ok"),
        ],
    )
    def test_of_shared_memory(self, tmp_path: Path, top: str, size: str, status: str) -> None:
        """It has words of its own."""
        files = {f"{THP}/shmem_enabled": top, f"{THP}/hugepages-2048kB/shmem_enabled": size}
        found = check(tmp_path, "folios", files)

        assert status == found.status
        assert ("2048kB of shared memory" in found.found) == (status == "warn")

    def test_an_older_kernel_has_no_sizes(self, tmp_path: Path) -> None:
        """Before 6.8."""
        assert "ok" == check(tmp_path, "folios", {f"{THP}/enabled": "[always] madvise never"}).status


class TestNuma:
    """The kernel moves pages between nodes by itself."""

    def test_balancing_between_nodes_is_a_warning_with_its_cure(self, tmp_path: Path) -> None:
        """It names the node of the measured CPU."""
        found = check(tmp_path, "numa", numa("0-3", "4-7") | {BALANCING: "1\n"}, cpu=5)

        assert "warn" == found.status
        assert "2 nodes, CPU 5 on node 1" in found.found
        assert "as root: sysctl -w kernel.numa_balancing=0" == found.cure

    @pytest.mark.parametrize(
        ("files", "words"),
        [
            (numa("0-3", "4-7") | {BALANCING: "0\n"}, "2 nodes, CPU 5 on node 1; numa_balancing is off"),
            (numa("0-7") | {BALANCING: "1\n"}, "one node"),
            ({}, "not readable here"),
        ],
    )
    def test_without_it_or_without_nodes_all_is_well(self, tmp_path: Path, files: dict[str, str], words: str) -> None:
        """One node has nowhere to move a page to."""
        found = check(tmp_path, "numa", files, cpu=5)

        assert ("ok", words) == (found.status, found.found)


class TestPreload:
    """What takes the place of the C library's functions."""

    def test_the_systems_preload_is_a_warning(self, tmp_path: Path) -> None:
        """It names the file to empty."""
        found = check(tmp_path, "preload", {"/etc/ld.so.preload": "/usr/lib/libjemalloc.so.2\n"})

        assert "warn" == found.status
        assert "/etc/ld.so.preload holds /usr/lib/libjemalloc.so.2" in found.found
        assert "as root: empty /etc/ld.so.preload" == found.cure

    def test_a_host_without_is_fine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As most are."""
        monkeypatch.delenv("LD_PRELOAD", raising=False)

        assert "ok" == check(tmp_path, "preload", {}).status
