"""Whether two measurements may be compared: which of their conditions differ, which of those matter, and why."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Final

from pageswap.text.conditions import BYTES, gibibytes, label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

# What a difference is about. The code is usually what is being compared; it is no obstacle, it is the subject.
CODE: Final = "code"
SETTING: Final = "setting"
MACHINE: Final = "machine"
WORK: Final = "work"
HARMLESS: Final = "harmless"

STANDS: Final = "stands"
RESERVATIONS: Final = "stands with reservations"
DOES_NOT_STAND: Final = "does not stand"

_ABSENT: Final = "not recorded"
_LONGEST_VALUE: Final = 80
_NAMED: Final = 5
# A load average that is so much higher, in busy CPUs, is another condition; below it is the run's own doing.
_LOAD_STEP: Final = 0.5


@dataclasses.dataclass(frozen=True)
class Difference:
    """One condition that is not the same on both sides; ``a`` and ``b`` are its values as text.

    ``kind`` is code, setting, machine, work or harmless; ``matters`` is False for the last alone.
    """

    key: str
    a: str
    b: str
    matters: bool
    why: str
    kind: str

    @property
    def name(self) -> str:
        """Give what the condition is called where it is shown."""
        return label(self.key)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a comparison stands: one of the three words, and the reason as a sentence."""

    word: str
    text: str


# Key, or its first part -> what it is about, and why that matters or does not.
CONDITIONS: Final[dict[str, tuple[str, str]]] = {
    "hostname": (HARMLESS, "a name"),
    "cpu_model": (MACHINE, "caches, memory bandwidth and the cost of entering the kernel are the processor's"),
    "microcode": (SETTING, "an update changes the cost of mitigations and of single instructions"),
    "cpus": (SETTING, "each CPU that runs a process is one more to interrupt when a mapping changes"),
    "cpus_allowed": (SETTING, "it decides which CPUs the trials share with whom"),
    "kernel": (SETTING, "system calls, page faults and mappings are the kernel's code"),
    "kernel_build": (SETTING, "another build of a kernel has other options"),
    "mitigations": (SETTING, "each is paid at every entry into the kernel, or at every indirect call in it"),
    "thp": (SETTING, "huge pages change the cost of every fault, of TLB misses and of moving entries"),
    "governor": (SETTING, "it sets the clock frequency"),
    "turbo": (SETTING, "it sets the clock frequency"),
    "hypervisor": (MACHINE, "a guest pays nested page walks, and exits for what its host must do"),
    "aslr": (SETTING, "it places mappings, and so sets alignments and page-table sharing"),
    "clocksource": (SETTING, "every round is timed with it, and some take microseconds to read"),
    "libc": (SETTING, "memcpy, malloc and realloc are the C library's"),
    "loadavg": (SETTING, "other work takes CPU time, caches and memory bandwidth"),
    "mem_total": (HARMLESS, "a trial that does not fit is skipped; one that fits is not slowed"),
    "mem_available": (HARMLESS, "a trial that does not fit is skipped; one that fits is not slowed"),
    "cgroup_memory_limit": (HARMLESS, "a trial that does not fit is skipped; one that fits is not slowed"),
    "swap_total": (HARMLESS, "pages that were swapped in are counted trial by trial"),
    "max_map_count": (HARMLESS, "a trial that needs more mappings is unavailable, not slower"),
    "overcommit_memory": (HARMLESS, "it decides whether memory is granted, not how fast it is"),
    "rlimits": (HARMLESS, "a trial that a limit stops is unavailable, not slower"),
    "userfaultfd": (HARMLESS, "it decides whether a method is available, not how fast it is"),
    "python": (HARMLESS, "nothing that is timed is Python"),
    "core.core_hash": (CODE, "this is the code that was timed"),
    "core.source_hash": (CODE, "the sources of the code that was timed"),
    "core.compiler": (CODE, "another compiler makes other code from the same sources"),
    "core.flags": (CODE, "other flags make other code from the same sources"),
    "core": (HARMLESS, "the core's hash says whether the code that was timed is the same"),
    "commit": (HARMLESS, "what is timed is the core, whose own hash says whether it is the same"),
    "dirty": (HARMLESS, "what is timed is the core, whose own hash says whether it is the same"),
    "version": (HARMLESS, "what is timed is the core, whose own hash says whether it is the same"),
    "experiment": (HARMLESS, "a name; cases are matched by their levels"),
    "workload": (WORK, "another operation is timed"),
    "baseline": (WORK, "ratios are to another case"),
    "seed": (WORK, "other pages are chosen, in another order"),
    "rounds": (WORK, "the clock is read more often, and caches are warm for another share of the time"),
    "warmups": (WORK, "what a machine settles into during warm-up differs"),
    "repeats": (HARMLESS, "more blocks narrow the intervals, which say so themselves"),
    "tune": (HARMLESS, "it raises the limit on mappings, which no measured trial had reached"),
}
_UNKNOWN: Final = (SETTING, "nothing is known of its effect, so it is not taken for harmless")
_OF_EXPERIMENT: Final = ("workload", "baseline", "seed", "rounds", "warmups", "repeats")
_OF_PROVENANCE: Final = ("commit", "dirty", "version")


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """List what differs between two hosts' environments, what matters first, in the order of `CONDITIONS`.

    A fact that only one side recorded is a difference; one that neither did is not.
    """
    flat_a, flat_b = dict(_flat(a)), dict(_flat(b))
    keys = dict.fromkeys([*flat_a, *flat_b])
    return _ordered(
        _difference(key, flat_a.get(key), flat_b.get(key))
        for key in keys
        if not _is_alike(key, flat_a.get(key), flat_b.get(key))
    )


def run_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """List what differs between two runs' experiments, code and options, from their ``meta``.

    Levels are left out, for cases are compared only where all of theirs are the same.
    """
    return differences(_conditions_of_run(a), _conditions_of_run(b))


def verdict(found: Iterable[Difference]) -> Verdict:
    """Say whether figures measured under conditions that differ so may be compared.

    Unlike machines, or other work, leave nothing that a difference could be put down to: the comparison does not stand.
    Other settings leave it standing with reservations, as the cause may be any of them. Where only the code differs, or
    nothing that matters, it stands.
    """
    mattering = [each for each in found if each.matters]
    of = {kind: [each.name for each in mattering if each.kind == kind] for kind in (WORK, MACHINE, SETTING, CODE)}
    if of[WORK]:
        return Verdict(DOES_NOT_STAND, f"The work differs ({_named(of[WORK])}): other things were timed.")
    if of[MACHINE]:
        return Verdict(
            DOES_NOT_STAND,
            f"The machines are unlike ({_named(of[MACHINE])}): their times say which machine is faster, "
            "not what any other change did.",
        )
    if of[SETTING]:
        causes = [*of[SETTING], *(["the code"] if of[CODE] else [])]
        return Verdict(RESERVATIONS, f"Any difference may come from any of these: {_named(causes)}.")
    if of[CODE]:
        return Verdict(
            STANDS,
            "Only the code that was timed differs, so a difference comes from it, or from when each was measured.",
        )
    return Verdict(
        STANDS, "Nothing that matters differs, not even the code: a difference comes from when each was measured."
    )


def groups(environments: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Put hosts that differ in nothing that matters together, in order; being busier does not part them."""
    found: dict[str, list[str]] = {}
    for host, environment in environments.items():
        facts = {key: value for key, value in _flat(environment) if _entry(key)[0] != HARMLESS and key != "loadavg"}
        found.setdefault(json.dumps(facts, sort_keys=True, default=str), []).append(host)
    return list(found.values())


def _conditions_of_run(meta: Mapping[str, Any]) -> dict[str, Any]:
    experiment, provenance = meta.get("experiment") or {}, meta.get("provenance") or {}
    return {
        "experiment": experiment.get("name"),
        **{name: experiment.get(name) for name in _OF_EXPERIMENT if name != "baseline"},
        # A baseline is one condition, not one for each of its factors.
        "baseline": json.dumps(experiment.get("baseline") or None, sort_keys=True),
        **{name: provenance.get(name) for name in _OF_PROVENANCE},
        "tune": (meta.get("options") or {}).get("tune"),
    }


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _is_alike(key: str, a: object, b: object) -> bool:
    if a == b:
        return True
    if key == "loadavg" and isinstance(a, list) and isinstance(b, list) and a and b:
        return abs(float(a[0]) - float(b[0])) < _LOAD_STEP
    return False


def _entry(key: str) -> tuple[str, str]:
    return CONDITIONS.get(key) or CONDITIONS.get(key.partition(".")[0]) or _UNKNOWN


def _difference(key: str, a: object, b: object) -> Difference:
    kind, why = _entry(key)
    is_near = _text(key, a) == _text(key, b)
    texts = _text(key, a, exactly=is_near), _text(key, b, exactly=is_near)
    return Difference(key, texts[0], texts[1], kind != HARMLESS, why, kind)


def _ordered(found: Iterable[Difference]) -> list[Difference]:
    order = {key: place for place, key in enumerate(CONDITIONS)}

    def place(each: Difference) -> tuple[bool, int]:
        return not each.matters, order.get(each.key, order.get(each.key.partition(".")[0], len(order)))

    return sorted(found, key=place)


def _text(key: str, value: object, *, exactly: bool = False) -> str:
    if value is None:
        return _ABSENT
    if key in BYTES and isinstance(value, int):
        return gibibytes(value, exactly=exactly)
    if isinstance(value, list) and value and all(isinstance(each, int | float) for each in value):
        value = ", ".join(map(str, value))
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _named(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:_NAMED])
    return f"{shown} and {len(keys) - _NAMED} more" if len(keys) > _NAMED else shown
