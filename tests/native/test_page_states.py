"""pages: what is moved is fresh, shared with a forked child, or locked when a round begins."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import time
from typing import Any

import child
import fuzz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refusing import in_child

from pageswap import native
from pageswap.errors import CoreError, MethodUnavailableError

STATES = native.CHOICES["pages"]
OTHERS = STATES[1:]
WORKLOADS = ("swap", "permute", "move")
METHODS = {m.name: [w for w in WORKLOADS if w in m.workloads] for m in child.METHODS.values()}
CLAIMS = [(method, workload) for method, workloads in METHODS.items() for workload in workloads]
PAIRS = ((3, 9), (0, 63), (5, 5), (63, 0), (0, 1), (16, 8), (8, 7))
DEADLINE_S = 30


def refused(method: str, pages: str, release: str = "kept") -> str:
    """Say with which errno the kernel refuses a method pages in a state; empty where it does not."""
    if pages == "fresh":
        return {"uffd_move": "No such file", "uffd_copy": "Bad address"}.get(method, "")
    if pages == "forked":
        return "resource busy" if method == "uffd_move" else ""
    gives_back = release != "kept" and not method.startswith("mremap")
    return "Invalid argument" if pages == "mlocked" and (method.startswith("uffd") or gives_back) else ""


def moving(method: str, workload: str, pages: str, **changes: Any) -> native.TrialParams:
    """Give a trial in which what is put off is paid."""
    fields = {"workload": workload, "pages": pages, "backing": child.METHODS[method].backings[0], "touch": "moved"}
    return child.params(method, **fields | changes)


def check(trial: native.TrialParams, why: str) -> None:
    """Run a trial that must be right, or be refused with the reason and the cure."""
    if not why:
        result = child.run_or_skip(trial)
        assert result.verified, result.reason
        return
    if not child.METHODS[str(trial.fields["method"])].available:
        pytest.skip("this host lacks the method")
    with pytest.raises(MethodUnavailableError, match=f"the kernel refuses {trial.fields['pages']} pages: .*{why}"):
        child.run(trial)


@pytest.mark.parametrize("pages", OTHERS)
@pytest.mark.parametrize(("method", "workload"), CLAIMS)
def test_pages_in_any_state_arrive_or_are_refused(method: str, workload: str, pages: str) -> None:
    """An odd count of pairs, a page with itself, the first and the last; two pages; two threads; runs.

    What a state asks of each thread's share is the trial's, so that one method of a kind shows it.
    """
    why = refused(method, pages)
    shapes: list[dict[str, Any]] = [
        {"region_bytes": 8 * child.KIB, "iterations": 33},
        {"threads": 2 if method in {"memcpy", "mremap_fixed"} else 1, "iterations": 333, "run_pages": 4},
    ]
    shapes += [{"pairs": PAIRS}] if workload != "move" else []
    for shape in shapes:
        check(moving(method, workload, pages, **shape), why)


@pytest.mark.parametrize("pages", OTHERS)
@pytest.mark.parametrize("release", ["source", "both"])
@pytest.mark.parametrize("method", [method for method, workload in CLAIMS if workload == "move"])
def test_what_such_pages_leave_is_given_back_or_refused(method: str, release: str, pages: str) -> None:
    """Rounds of half a pass, so that `source` has its places between them."""
    trial = moving(method, "move", pages, release=release, iterations=96, rounds=3)
    check(trial, refused(method, pages, release))


@pytest.mark.parametrize("pages", OTHERS)
@pytest.mark.parametrize("backing", [name for name in native.BACKINGS if not child.is_gigantic(name)])
@pytest.mark.usefixtures("huge_pages")
def test_every_backing_can_be_in_any_state(backing: str, pages: str) -> None:
    """Copied and remapped."""
    for method in ("memcpy", "mremap_fixed"):
        trial = moving(method, "swap", pages, backing=backing, **child.shape(method, backing))
        if (method, backing, pages) == ("mremap_fixed", "hugetlb_2m", "fresh"):
            with pytest.raises(MethodUnavailableError, match="takes pages out of the host's pool"):
                child.run(trial)
        else:
            check(trial, "")


@pytest.mark.slow
@pytest.mark.parametrize("method", [method for method, workloads in METHODS.items() if workloads])
@settings(max_examples=fuzz.examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    slots=st.integers(2, 70),
    iterations=st.integers(1, 120),
    rounds=st.integers(1, 9),
    pages=st.sampled_from(OTHERS),
    touch=st.sampled_from(native.CHOICES["touch"][:3]),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_pages_are_moved_right(method: str, data: st.DataObject, slots: int, pages: str, **fields: Any) -> None:
    """Hypothesis looks for a region and rounds after which a page in such a state is not where it should be."""
    workload = data.draw(st.sampled_from(METHODS[method]))
    trial = moving(method, workload, pages, region_bytes=slots * 4096, **fields)
    # Where there is next to nothing to move, the kernel may not come to refuse it.
    with contextlib.suppress(MethodUnavailableError) if refused(method, pages) else contextlib.nullcontext():
        result = child.run_or_skip(trial)

        assert result.verified, result.reason
        fuzz.VERIFIED["moves of pages in other states"] += 1


@pytest.mark.skipif("PAGESWAP_SANITIZED" in os.environ, reason="a sanitizer's shadow faults, too")
def test_each_round_begins_with_pages_in_their_state() -> None:
    """What the round before has written is shared, or without memory, again: a fault a page, in each of four."""
    pairs = tuple((2 * i + 1, 2 * i + 2) for i in range(28)) * 4
    faults = {}
    for pages in STATES:
        trial = moving("exchange_sse2", "swap", pages, backing="thp_off", pairs=pairs, rounds=4)
        faults[pages] = child.run_or_skip(trial).minor_faults

    # Two of seven fresh pages in a row are read before they are written to, which is a fault of its own.
    assert faults["present"] <= 3
    assert faults["mlocked"] <= 3
    assert faults["forked"] == pytest.approx(4 * 56, abs=8)
    assert 4 * 49 <= faults["fresh"] <= 2 * 4 * 49 + 8


@pytest.mark.parametrize("method", ["left_out", "wrong_byte", "exchanged_twice", "first_slot"])
@pytest.mark.parametrize("pages", OTHERS)
def test_what_a_broken_method_leaves_is_found_in_any_state(odd_core: pathlib.Path, method: str, pages: str) -> None:
    """The last pair has a page with a stamp, also where most have none."""
    found = child.run(child.params(method, pages=pages, pairs=(*PAIRS, (8, 2)), rounds=1), odd_core)

    assert not found.verified
    assert "slot" in found.reason


def test_the_child_that_shares_the_pages_ends_with_a_killed_trial() -> None:
    """Whoever ends the trial cannot end it too, as nobody knows of it."""
    process = native.TrialProcess(moving("memcpy", "swap", "forked", iterations=20_000_000, rounds=1))
    trial = process.start()
    children = pathlib.Path(f"/proc/{trial}/task/{trial}/children")
    try:
        sharer = int(_soon(lambda: children.read_text(encoding="ascii").split()[:1])[0])
    finally:
        os.kill(trial, signal.SIGKILL)
        os.waitpid(trial, 0)

    assert _soon(lambda: not _lives(sharer))


def test_a_trial_leaves_no_child() -> None:
    """Each round's is ended and waited for, also where the method was refused."""

    def run() -> list[int]:
        left = []
        for method in ("memcpy", "uffd_move"):
            with contextlib.suppress(MethodUnavailableError):
                native.run_trial(moving(method, "swap", "forked"))
            try:
                left.append(os.waitpid(-1, os.WNOHANG)[0])
            except ChildProcessError:
                left.append(-1)
        return left

    assert in_child(run) == [-1, -1]


def _lives(pid: int) -> bool:
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _soon(condition: Any) -> Any:
    """Wait until a condition holds; a test of its own fails where it does not in time."""
    end = time.monotonic() + DEADLINE_S
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return met


def test_no_fault_may_bring_the_neighbours_of_a_fresh_page() -> None:
    """A huge page is fresh as a whole or not at all."""
    with pytest.raises(MethodUnavailableError, match="multiple of its huge page"):
        child.run(moving("memcpy", "swap", "fresh", backing="thp", region_bytes=4 * child.MIB))


def test_other_workloads_have_their_pages_present() -> None:
    """A state that is asked for is never left out."""
    with pytest.raises(CoreError, match="the workload has its pages in no other state"):
        child.run(child.params("memcpy", workload="limit", pages="forked"))
