"""Reads what is said of contests: who won where, what was not told apart, and how the rest of them ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tests.answers.independent_reader import by_name, is_mover, names_in, number, phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.answers.independent_reader import Finding, Reader

# Who won where, and how contests ended that there was no room to name.
_PLACED: Final = re.compile(
    r"(?: was fastest| were not told apart|^none of \d+ was told to be the fastest|^too few blocks)( .+?)?"
    r"(?:, ahead of \d+ others?|, so far .+ leads)?$"
)
_OPEN: Final = re.compile(
    r"(not told apart|too few blocks to tell it) from (.+?)"
    r"(?:, (after correction for [\d,]+ comparisons?|within the noise floor of .+|"
    r"as their order is the reverse block by block))?"
)
_REST: Final = re.compile(
    r"(another was fastest|others were fastest|no single fastest|too few blocks|other results)"
    r" (?:in|of) ([\d,]+) more cases?"
)


def contests(reader: Reader) -> dict[Any, list[Finding]]:
    """Put together what competed on one host under the same conditions."""
    taking_part = [
        each for each in reader.findings if each["verdict"] in ("fastest", "slower", "not told apart", "too few")
    ]
    return by_name(taking_part, lambda each: (each["host"], *(phrase(*pair) for pair in each["where"].items())))


def placed(reader: Reader, place: str) -> tuple[dict[Any, list[Finding]], int | None]:
    """Give the contests that a place is about, and in how many of them something is said to be so; None is all."""
    held = contests(reader)
    share = re.fullmatch(r" in (?:(both)|all ([\d,]+)|([\d,]+) of ([\d,]+)) cases", place)
    if share:
        total = 2 if share[1] else int(number(share[2] or share[4]))
        return (held if total == len(held) else {}), int(number(share[3])) if share[3] else None
    host = re.search(r" on (\S+)$", place)
    levels = re.match(r" with (.+?)(?: on \S+)?$", place)
    wanted = {*(levels[1].split(", ") if levels else ()), *([host[1]] if host else ())}
    return {key: own for key, own in held.items() if wanted <= set(key)}, None


def fastest_faults(reader: Reader, text: str) -> Iterator[str]:
    """Check who won where, and that nothing that moves no page took part."""
    for finding in reader.findings:
        if not is_mover(reader, finding["subject"]):
            yield f"{finding['subject']} moves no page"
    yield from open_contest_faults(reader)
    if re.fullmatch(r"no two (?:others )?were measured under the same conditions", text):
        if contests(reader):
            yield text
        return
    clauses = text.split("; ")
    rest = [found for clause in clauses if (found := _REST.fullmatch(clause)) is not None]
    named = [clause for clause in clauses if _REST.fullmatch(clause) is None]
    for clause in named:
        yield from winner_faults(reader, clause)
    yield from rest_faults(reader, named, rest)


def open_contest_faults(reader: Reader) -> Iterator[str]:
    """Check what a contender that may be the fastest is said not to be told from, and whether blocks sufficed."""
    for own in contests(reader).values():
        ends = {each["subject"]: each["verdict"] for each in own}
        for each in own:
            said = _OPEN.fullmatch(each["why"])
            if (each["verdict"] == "not told apart") != (said is not None):
                yield f"{each['subject']} is {each['verdict']}: {each['why']!r}"
            if said is not None:
                named, more = names_in(said[2])
                others = {name for name in ends if ends[name] != "slower" and name != each["subject"]}
                is_short = {ends[name] for name in others} == {"too few"}
                is_counted = len(named) + more in (1, len(others))
                if not set(named) <= others or not is_counted or is_short != said[1].startswith("too few"):
                    yield f"{each['subject']}: {each['why']!r} of {ends}"
                low, high = (1.0 if each[end] is None else each[end] for end in ("low", "high"))
                if named == [each["against"]] and (low <= 1 <= high) == bool(said[3]):
                    yield f"{each['subject']} at {low} to {high}: {each['why']!r}"
                if named == [each["against"]] and each["why"].endswith("block by block") and low <= 1:
                    yield f"{each['subject']} at {low} to {high}: {each['why']!r}"


def rest_faults(reader: Reader, named: Sequence[str], rest: Sequence[re.Match[str]]) -> Iterator[str]:
    """Check how the contests ended that no clause names, and that these are all of them."""
    held = contests(reader)
    counts = [(clause, contests_of(reader, clause)) for clause in named]
    left = len(held) - sum(count for _, count in counts)
    if [number(found[2]) for found in rest] != [left] * bool(left):
        yield f"{left} contests are not named, the headline has {[found[0] for found in rest]}"
    best = {clause.partition(" was fastest")[0] for clause, _ in counts if " was fastest" in clause}
    # Whoever is named as the fastest is named with all that it won.
    won = sum(told(own) and not winners(own) & best for own in held.values())
    short = sum({each["verdict"] for each in own} == {"too few"} for own in held.values())
    holds = {
        "another was fastest": won == left,
        "others were fastest": won == left,
        "no single fastest": won == 0,
        "too few blocks": won == 0 and short >= left,
        "other results": 0 < won < left,
    }
    yield from (f"{found[0]!r}, of {left} there was one in {won}" for found in rest if not holds[found[1]])


def contests_of(reader: Reader, clause: str) -> int:
    """Count the contests that a clause names, none where it is about something else."""
    found = _PLACED.search(clause)
    if found is None:
        return 0
    held, count = placed(reader, found[1] or "")
    return len(held) if count is None else count


def winner_faults(reader: Reader, clause: str) -> Iterator[str]:
    """Check who is said to have won, in a clause."""
    if (best := re.fullmatch(r"(.+?) was fastest( .+)?", clause)) is not None:
        yield from won_faults(reader, clause, best[2] or "", lambda own: winners(own) == {best[1]} and told(own))
    elif (tied := re.fullmatch(r"(.+?) were not told apart( .+?)?(?:, ahead of (\d+) others?)?", clause)) is not None:
        named, more = names_in(tied[1])
        many = len(named) + more
        yield from won_faults(
            reader, clause, tied[2] or "", lambda own: set(named) <= winners(own) and len(winners(own)) == many
        )
    elif (none := re.fullmatch(r"none of (\d+) was told to be the fastest( .+)?", clause)) is not None:
        yield from won_faults(reader, clause, none[2] or "", lambda own: len(winners(own)) == int(none[1]) == len(own))
    elif (few := re.fullmatch(r"too few blocks( .+?)?, so far (.+) leads", clause)) is not None:
        yield from leader_faults(reader, f"{few[2]} leads{few[1] or ''}")
    elif (gone := re.fullmatch(r"(.+) (?:was|were) not measured everywhere", clause)) is not None:
        missing = {each["subject"] for each in reader.findings if each["verdict"] == "not measured"}
        named, more = names_in(gone[1])
        if not set(named) <= missing or len(missing) != len(named) + more:
            yield f"{clause!r} of {missing}"
    else:
        yield f"not understood: {clause!r}"


def winners(own: Sequence[Finding]) -> set[str]:
    """Name what was not beaten in a contest."""
    return {each["subject"] for each in own if each["verdict"] != "slower"}


def told(own: Sequence[Finding]) -> bool:
    """Say whether one is called the fastest of a contest."""
    return any(each["verdict"] == "fastest" for each in own)


def won_faults(reader: Reader, clause: str, place: str, is_so: Callable[[Sequence[Finding]], bool]) -> Iterator[str]:
    """Check in how many contests something is so."""
    held, count = placed(reader, place)
    so = sum(map(is_so, held.values()))
    if (
        (count is None and (so != len(held) or not held))
        or (count is not None and so < count)
        or (not place and len(contests(reader)) != 1)
    ):
        yield f"{clause!r}, so in {so} of {len(held)}"


def leader_faults(reader: Reader, clause: str) -> Iterator[str]:
    """Check who leads where nothing is told: it has the best median, or the best ratio to the baseline."""
    found = re.fullmatch(r"(.+?) leads( .+)?", clause)
    if not found:
        yield f"not understood: {clause!r}"
        return
    held, count = placed(reader, found[2] or "")
    leads = 0
    for own in held.values():
        others = [each for each in own if each["subject"] != found[1]]
        leads += any(each["subject"] == found[1] for each in own) and all(
            each["against"] == found[1] or each["verdict"] == "slower" for each in others
        )
    if leads < (len(held) if count is None else count) or not held:
        yield f"{clause!r}, so in {leads} of {len(held)}"
