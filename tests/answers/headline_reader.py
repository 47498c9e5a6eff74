"""Reads a headline clause by clause against the findings, which `independent_reader` holds against the rows."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from tests.answers.contest_reader import contests, fastest_faults, leader_faults
from tests.answers.cost_reader import cost_faults
from tests.answers.independent_reader import (
    COMPARED,
    DECIDED,
    WORDS,
    by_name,
    is_mover,
    names_in,
    number,
    phrase,
    size,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.answers.independent_reader import Finding, Reader

_MORE = "the findings tell more"
_OPENING: Final = re.compile(r"(?:Corrupt: .+?\.\s*)?(?:Hosts disagree: |Mixed: |Undecided: |undecided: )?")
_MISSING: Final = ("not compared", "not measured", "unavailable")
_SIZES: Final = ("page_size", "region_size")


def course_of(own: Sequence[Finding]) -> str:
    """Give the one verdict of all, "mixed" where some are decided, else what is known at most."""
    verdicts = {finding["verdict"] for finding in own}
    if len(verdicts) == 1:
        return verdicts.pop()
    if verdicts & set(DECIDED):
        return "mixed"
    return next((word for word in ("no difference found", "too few") if word in verdicts), "not compared")


def who(finding: Finding) -> str:
    """Name whose change of conditions a finding is about."""
    return str(finding["where"].get("method", ""))


def groups_of(reader: Reader) -> dict[Any, list[Finding]]:
    """Put the findings of each contender together."""
    if reader.record["asks"] == "gain":
        only = next(iter(reader.cases.values()), {}).get("method", "")
        return by_name(reader.findings, lambda each: (each["subject"], who(each) or only))
    return by_name(reader.findings, lambda each: each["subject"])


def verdict_faults(reader: Reader) -> Iterator[str]:
    """Check the verdict as far as it says more than that it is not known."""
    asks, verdict = reader.record["asks"], reader.record["verdict"]
    words = [finding["verdict"] for finding in reader.findings if finding["verdict"] != "part"]
    if verdict == "nothing_measured":
        return
    if asks in ("faster", "gain"):
        groups = groups_of(reader)
        moving = {name: own for name, own in groups.items() if asks == "gain" or is_mover(reader, name)} or groups
        able = [own for own in moving.values() if {each["verdict"] for each in own} != {"unavailable"}]
        words = [each["verdict"] for own in able for each in own]
        wrong = {
            "yes": set(words) != {"faster"},
            "no": set(words) != {"slower"},
            "undecided": bool(set(words) & set(DECIDED)),
            "mixed": not set(words) & set(DECIDED) or len(set(words)) == 1,
        }
    elif asks == "fastest":
        best = {each["subject"] for each in reader.findings if each["verdict"] == "fastest"}
        held = contests(reader)
        sole = all(any(each["verdict"] == "fastest" for each in own) for own in held.values())
        wrong = {
            "yes": len(best) != 1 or not sole or bool({"corrupt", "not measured"} & set(words)),
            "no": True,
            "undecided": bool(best),
            "mixed": not best,
        }
    elif asks == "crossover":
        own = [{each["verdict"] for each in curve} for curve in curves(reader).values()]
        part = [each for each in own if each != {"unavailable"}]
        wrong = {
            "yes": not all({"faster", "slower"} <= each for each in part) or "corrupt" in words,
            "no": not all(each in ({"faster"}, {"slower"}) for each in part),
            "undecided": bool(set(words) & set(DECIDED)),
            "mixed": not set(words) & set(DECIDED),
        }
    else:
        decided = set(words) & {*DECIDED, "measured"}
        wrong = {"yes": not decided, "no": True, "undecided": bool(decided), "mixed": not decided}
    if wrong[verdict]:
        yield f"verdict {verdict} of {sorted(set(words))}"


def clause_faults(reader: Reader) -> Iterator[str]:
    """Check every clause of the headline; one that is not understood is a fault too."""
    headline, asks = reader.record["headline"], reader.record["asks"]
    text = headline[_OPENING.match(headline).end() :]  # type: ignore[union-attr]  # it matches nothing, too
    if "Hosts disagree: " in headline and len(reader.raw.hosts) < 2:
        yield "hosts disagree, of which there is one"
    if reader.record["verdict"] == "nothing_measured":
        yield from nothing_faults(reader, text)
        return
    if (quiet := re.fullmatch(r"too few quiet blocks to compare with .+, (\d+) of the 6 needed", text)) is not None:
        yield from quiet_faults(reader, int(quiet[1]))
        return
    few = re.match(r"too few blocks(?: to (?:compare|say).*?)?, (\d+) of the 6 needed(?:; so far (.+))?$", text)
    if few:
        if int(few[1]) >= 6 or any(each["verdict"] in DECIDED for each in reader.findings if asks != "rate"):
            yield f"too few blocks, {few[1]}"
        if few[2] and asks == "fastest":
            for clause in re.split(r", (?=\S+ leads)", few[2]):
                yield from leader_faults(reader, clause)
        return
    if re.fullmatch(r"nothing (?:(?:else )?could be compared with .+|was decided)", text):
        if any(each["verdict"] in (DECIDED if "decided" in text else COMPARED) for each in reader.findings):
            yield f"{text!r}, although something was"
        return
    check = {
        "faster": faster_faults,
        "gain": gain_faults,
        "fastest": fastest_faults,
        "crossover": crossover_faults,
        "cost": cost_faults,
        "rate": rate_faults,
    }[asks]
    yield from check(reader, text)


def quiet_faults(reader: Reader, said: int) -> Iterator[str]:
    """Check that blocks suffice, and that disturbed trials leave so many and too few of them."""
    own = [each for each in reader.findings if is_mover(reader, each["subject"]) or reader.record["asks"] == "gain"]
    counts = [(reader.blocks(each), reader.blocks(each, quiet=True)) for each in own or reader.findings]
    most, quiet = (max((pair[place] for pair in counts), default=0) for place in (0, 1))
    if most < 6 or quiet >= 6 or quiet != said or any(each["verdict"] in DECIDED for each in reader.findings):
        yield f"{said} quiet blocks, by the rows {quiet} of {most}"


def nothing_faults(reader: Reader, text: str) -> Iterator[str]:
    """Check how everything ended."""
    counts = reader.rows[reader.rows["warmup"] == 0]["status"].value_counts().to_dict()
    told = {status: int(number(count)) for count, status in re.findall(r"([\d,]+) ([a-z]+)(?=[,;]|$)", text)}
    told = {status: count for status, count in told.items() if status in counts}
    if told != counts or not text.startswith("Nothing was measured"):
        yield f"{text!r} of {counts}"


def uniform_faults(groups: dict[Any, list[Finding]], named: Sequence[Any], more: int, verdict: str) -> Iterator[str]:
    """Check that contenders have this verdict in every finding, and that so many have it."""
    alike = {name for name, own in groups.items() if course_of(own) == verdict}
    for name in named:
        if name not in alike:
            yield f"{name} is not {verdict} throughout: {sorted({each['verdict'] for each in groups.get(name, ())})}"
    if len(alike) != len(named) + more:
        yield f"{len(named) + more} are said to be {verdict}, {len(alike)} are"


def span_faults(own: Sequence[Finding], low: str | None, high: str | None) -> Iterator[str]:
    """Check the smallest and the largest factor of findings."""
    if low and own:
        factors = [max(each["ratio"], 1 / each["ratio"]) for each in own]
        for said, true in ((low, min(factors)), (high or low, max(factors))):
            if not math.isclose(number(said), true, rel_tol=0.06):
                yield f"{said} times, by the findings {true:.3g}"


_UNIFORM: Final = re.compile(
    r"(?P<who>.+?) (?:was|were) (?:(?P<low>[\d.,]+)(?: to (?P<high>[\d.,]+))? times )?(?P<word>faster|slower)"
    r"(?: than (?P<base>[^ ,]+))?(?: in (?:(?P<both>both)|all (?P<all>[\d,]+)) comparisons)?"
)


_OF_ONE_VERDICT: Final = (
    (r"(.+?) showed no difference(?: from [^ ]+)?", "no difference found"),
    (r"too few blocks for (.+)", "too few"),
    (r"(.+) depends? on the case(?:, compared with \S+)?", "mixed"),
)


def faster_faults(reader: Reader, text: str) -> Iterator[str]:
    """Check each contender's standing."""
    every = {name: own for name, own in groups_of(reader).items() if course_of(own) != "corrupt"}
    movers = {name: own for name, own in every.items() if is_mover(reader, name)}
    told = [clause for clause in text.split("; ") if re.search("faster|slower|no difference", clause)]
    if told and not re.search(r" (?:than|from|with) \S", text) and "no page" not in told[0]:
        yield f"against what? {text!r}"
    for clause in text.split("; "):
        aside = re.fullmatch(r"(.+), which moves? no page, (?:was|were) (.+)", clause)
        if aside is None:
            yield from standing_faults(movers or every, clause)
        elif aside[2] != "mixed":
            staying = {name: own for name, own in every.items() if name not in movers}
            yield from uniform_faults(staying, *names_in(aside[1]), WORDS[aside[2]])


def standing_faults(groups: dict[Any, list[Finding]], clause: str) -> Iterator[str]:
    """Check a clause about contenders of one verdict."""
    if (found := _UNIFORM.fullmatch(clause)) is not None:
        yield from uniform_faults(groups, *names_in(found["who"]), found["word"])
        own = [each for name in groups if course_of(groups[name]) == found["word"] for each in groups[name]]
        yield from span_faults(own, found["low"], found["high"])
        count = 2 if found["both"] else found["all"] and int(number(found["all"]))
        if count and count != len(own):
            yield f"{count} comparisons, of {len(own)}"
        return
    for pattern, verdict in _OF_ONE_VERDICT:
        if (found := re.fullmatch(pattern, clause)) is not None:
            yield from uniform_faults(groups, *names_in(found[1]), verdict)
            return
    yield from open_faults(groups, clause)


def open_faults(groups: dict[Any, list[Finding]], clause: str) -> Iterator[str]:
    """Check a clause about what was not compared, one of counts alone, or one about a contender that is mixed."""
    if (found := re.fullmatch(r"(.+) (?:was|were) not compared", clause)) is not None:
        for name in names_in(found[1])[0]:
            if not {each["verdict"] for each in groups.get(name, ())} <= set(_MISSING):
                yield f"{name} was compared"
    elif re.fullmatch(r"(?:\d+ (?:faster|mixed|slower)(?: than .+?)?, )+\d+ undecided", clause):
        courses = [course_of(own) for own in groups.values()]
        told = {word: int(count) for count, word in re.findall(r"(\d+) (faster|mixed|slower|undecided)", clause)}
        true = {word: courses.count(word) for word in ("faster", "mixed", "slower") if word in courses}
        if told != true | {"undecided": len(courses) - sum(true.values())}:
            yield f"{clause!r} of {courses}"
    else:
        yield from share_faults(groups, clause)


def share_faults(groups: dict[Any, list[Finding]], clause: str) -> Iterator[str]:
    """Check one contender whose findings do not agree: by host, or in how many."""
    found = re.fullmatch(r"(.+?) was (.+)", clause)
    if not found or found[1] not in groups:
        yield f"not understood: {clause!r}"
        return
    own = groups[found[1]]
    word = "|".join(WORDS)
    parts = re.split(rf", (?=(?:{word}) (?:than \S+ )?(?:on|in) )", found[2])
    verdicts = [verdict[0] for part in parts if (verdict := re.match(word, part))]
    if len(set(verdicts)) < len(verdicts):
        yield f"a verdict twice: {clause!r}"
    for part in parts:
        on = re.fullmatch(rf"({word}) (?:than .+? )?on (.+)", part)
        share = re.fullmatch(rf"({word}) (?:than .+? )?in ([\d,]+)(?: of ([\d,]+) comparisons?)?", part)
        if on:
            hosts, more = names_in(on[2])
            alike = {
                host for host, each in by_name(own, lambda e: e["host"]).items() if course_of(each) == WORDS[on[1]]
            }
            if not set(hosts) <= alike or len(alike) != len(hosts) + more:
                yield f"{part!r}, by the findings on {sorted(alike)}"
        elif share:
            count = sum(each["verdict"] == WORDS[share[1]] for each in own)
            if count != number(share[2]) or (share[3] and number(share[3]) != len(own)):
                yield f"{part!r}, by the findings {count} of {len(own)}"
        else:
            yield f"not understood: {part!r}"


def gain_faults(reader: Reader, text: str) -> Iterator[str]:
    """Check each change, and who gains and loses by it."""
    groups = {key: own for key, own in groups_of(reader).items() if course_of(own) != "corrupt"}
    changes = sorted({key[0] for key in groups}, key=len, reverse=True)
    current: dict[Any, list[Finding]] = {}
    for clause in text.split("; "):
        part = clause
        for change in changes:
            if re.match(rf"[Ww]ith {re.escape(change)} ", part):
                current = {name: own for (new, name), own in groups.items() if new == change}
                part = part[len(change) + 6 :]
                break
        found = re.fullmatch(
            r"(.+?) ran (?:([\d.,]+)(?: to ([\d.,]+))? times )?(faster|slower)(?: than with .+)?", part
        )
        if found:
            yield from uniform_faults(current, *names_in(found[1]), found[4])
            own = [each for each_own in current.values() if course_of(each_own) == found[4] for each in each_own]
            yield from span_faults(own, found[2], found[3])
        elif (level := re.fullmatch(r"(no difference found|too few blocks) for (.+)", part)) is not None:
            yield from uniform_faults(current, *names_in(level[2]), level[1].removesuffix(" blocks"))
        elif (some := re.fullmatch(r"(.+) depends? on the case", part)) is not None:
            yield from uniform_faults(current, *names_in(some[1]), "mixed")
        elif (rest := re.fullmatch(rf"not told here: with (.+)|{_MORE}", part)) is not None:
            left = [each for each in changes if not re.search(rf"[Ww]ith {re.escape(each)} (?!and)\S", text)]
            yield from untold_faults(rest[1], left)
        elif not re.fullmatch(r".+ (?:was|were) not compared", part):
            yield f"not understood: {part!r}"


def untold_faults(said: str | None, left: Sequence[str]) -> Iterator[str]:
    """Check that what a headline has no room for is all there, by name or counted; the longest names come first."""
    if said is None:
        yield from () if left else ("there is no more to tell",)
        return
    more = re.search(r" and (\d+) more$", said)
    rest, named = said[: more.start()] if more else said, 0
    for name in left:
        shown = next((each for each in (name, name[:20]) if each in rest), None)
        named += shown is not None
        rest = rest.replace(shown or name, "", 1)
    if not named or named + int(more[1] if more else 0) != len(left):
        yield f"not told here: {said}, of {left}"


def curves(reader: Reader) -> dict[Any, list[Finding]]:
    """Put together the findings of one contender on one host over the sizes."""
    axis = axis_of(reader)
    return by_name(
        reader.findings,
        lambda each: (each["subject"], each["host"], *(phrase(n, v) for n, v in each["where"].items() if n != axis)),
    )


def axis_of(reader: Reader) -> str:
    """Name the size that varies."""
    varied = [name for name in _SIZES if len({case.get(name) for case in reader.cases.values()}) > 1]
    return varied[0] if varied else _SIZES[0]


def crossover_faults(reader: Reader, text: str) -> Iterator[str]:
    """Check from which size on a contender is faster, or that it is so at every size."""
    clauses = text.split("; ")
    for clause in clauses:
        if clause == _MORE:
            if all(any(is_told(*key, clause=each) for each in clauses) for key in curves(reader)):
                yield f"{clause!r}, but all are told"
            continue
        table = re.fullmatch(r"the findings tell of (.+), size by size|not told here: (.+)", clause)
        found = re.fullmatch(r"(.+?)(?: (?:was|were) (.+)| showed no difference from \S+ at (.+))", clause)
        if table is not None:
            known = {each["subject"] for each in reader.findings if each["verdict"] != "corrupt"}
            named, more = names_in(table[1] or table[2])
            if not set(named) <= known or len(named) + more > len(known) - bool(table[2] and len(reader.raw.hosts) < 2):
                yield f"{clause!r} of {sorted(known)}"
            if table[1] and len(named) + more != len(known):
                yield f"{clause!r} of {sorted(known)}"
        elif found is not None:
            for name in names_in(found[1])[0]:
                yield from course_faults(reader, name, found[2] or f"undecided at {found[3]}", clause)
        else:
            yield f"not understood: {clause!r}"


def is_told(subject: str, host: str, *where: str, clause: str) -> bool:
    """Tell whether a clause is about one curve: its contender, its conditions and its host, where it names any."""
    return (
        subject in clause
        and (" with " not in clause or all(each in clause for each in where))
        and (not re.search(r" on (?:lab|\d)", clause) or host in clause)
    )


def course_faults(reader: Reader, name: str, claim: str, clause: str) -> Iterator[str]:
    """Check what is claimed of one contender, under the conditions and on the hosts that the claim names."""
    axis = axis_of(reader)
    own = [each for key, curve in curves(reader).items() if key[0] == name for each in curve]
    where = re.search(r" with (.+?)(?= on (?:lab|\d)|$)", claim)
    hosts = re.search(r" on ((?:lab\d+(?:, | and )?)+)", claim)
    if where:
        own = [e for e in own if set(where[1].split(", ")) <= {phrase(*pair) for pair in e["where"].items()}]
    if hosts:
        own = [e for e in own if e["host"] in re.findall(r"lab\d+", hosts[1]) or "more" in claim]
    per_host = by_name(own, lambda each: each["host"])
    wrong = {
        host: list(claim_faults(claim, {(host, e["where"].get(axis, 0)): e["verdict"] for e in each}, clause))
        for host, each in per_host.items()
    }
    many = re.search(r" on (?:(\d+) hosts?|(.+ and (\d+) more hosts?))", claim)
    # Hosts that are only counted are some of those that were compared.
    least = int(many[1] or int(many[3]) + many[2].count("lab")) if many else 0
    named = set(re.findall(r"lab\d+", many[2] or "")) if many else set()
    if many and (sum(not each for each in wrong.values()) < least or any(wrong[host] for host in named)):
        yield f"{clause!r}, not so on {[host for host, each in wrong.items() if each]}"
    elif not many:
        yield from [fault for each in wrong.values() for fault in each]


def claim_faults(claim: str, verdicts: dict[tuple[str, int], str], clause: str) -> Iterator[str]:
    """Check one claim about sizes against the verdicts at these."""
    compared = {key: verdict for key, verdict in verdicts.items() if verdict in COMPARED}
    at: list[tuple[str, Callable[[int], bool]]] = []
    number_of = {size(value): value for _, value in verdicts}
    for word, rest in re.findall(
        r"(faster|slower)(?: than \S+)?,? "
        r"(from \S+ (?:on|upwards|to \d+[KMG]iB)|up to \S+|at every size|at [^,]+(?:, \d+\wiB)*(?: and \d+\wiB)?)",
        claim,
    ):
        sizes = [number_of[each] for each in re.findall(r"\d+[KMG]iB", rest) if each in number_of]
        if " to " in rest:
            at.append((word, lambda value, first=sizes[0], last=sizes[-1]: first <= value <= last))
        elif rest.startswith("from"):
            at.append((word, lambda value, first=sizes[0]: value >= first))
        elif rest.startswith("up to"):
            at.append((word, lambda value, last=sizes[0]: value <= last))
        elif rest == "at every size":
            at.append((word, lambda _value: True))
        elif sizes:
            at.append((word, lambda value, sizes=tuple(sizes): value in sizes))
    for word, holds in at:
        wrong = [key for key, verdict in compared.items() if holds(key[1]) and verdict != word]
        if wrong or not any(holds(value) for _, value in compared):
            yield f"{clause!r}: not {word} at {wrong}"
    yield from count_faults(claim, list(verdicts.values()), clause)


def count_faults(claim: str, words: Sequence[str], clause: str) -> Iterator[str]:
    """Check at how many sizes something is said to be so."""
    for word, count, of in re.findall(r"(faster|slower)(?: than \S+)? at (\d+) of (\d+) sizes", claim):
        if words.count(word) != int(count) or len(words) != int(of):
            yield f"{clause!r}: {word} at {words.count(word)} of {len(words)}"
    others = re.search(r"undecided at the other (\d+) sizes?", claim)
    if others and int(others[1]) != sum(word not in DECIDED for word in words):
        yield f"{clause!r}: of {words}"
    if claim.startswith("undecided at") and not others and set(words) & set(DECIDED):
        yield f"{clause!r}: decided"


def rate_faults(reader: Reader, text: str) -> Iterator[str]:
    """Check the best rates, by the rows themselves: two pages in the median time."""
    rates: dict[bool, list[tuple[float, str]]] = {True: [], False: []}
    for (_, case_id), ns in reader.ns.items():
        levels = reader.cases[case_id]
        if levels["method"] not in reader.corrupt and reader.raw.families[levels["method"]] != "window":
            rate = 2 * levels.get("page_size", 4096) / ns.median() * 1e9
            is_stream = levels["method"] == "stream_copy"
            if is_stream or reader.raw.families[levels["method"]] != "control":
                rates[is_stream].append((rate, levels["method"]))
    text = re.sub(r"^too few blocks, \d+ of the 6 needed; so far ", "", text)
    if text == "no rate was measured":
        if rates[True] or rates[False]:
            yield text
        return
    for kind, said, unit, method in re.findall(
        r"(exchanged|copied as a stream) at up to ([\d.,]+) ([kMGT]?)B/s by (\w+)", text
    ):
        value = number(said) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[unit]
        best = max(rates[kind != "exchanged"], default=(0.0, ""))
        if not math.isclose(value, best[0], rel_tol=0.06) or method != best[1]:
            yield f"{kind} at {said} {unit}B/s by {method}, by the rows {best}"
