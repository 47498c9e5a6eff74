"""What a command prints of a run: the answer, a line a case with what it rests on, and what did not end ok."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.campaign.outcome import without_numbers
from pageswap.console import host_views
from pageswap.console.exits import tell
from pageswap.console.output import print_json, say_rest, show_table
from pageswap.spec.hostnames import LOCAL
from pageswap.spec.quoting import plain
from pageswap.text.levels import level_text, operation
from pageswap.text.lists import clipped, listed, plural
from pageswap.text.numbers import interval_text, nanoseconds_text, ratio_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.answers.record import Answer
    from pageswap.campaign import NoHostError, Outcome
    from pageswap.store import Store

CASES_SHOWN = 60
_HOSTS_NAMED = 8
_LONGEST_HOST = 80
_TROUBLES_SHOWN = 40


@dataclasses.dataclass(frozen=True)
class Troubles:
    """Trials of one case on one host that ended alike, other than ok; warm-ups count; `reason` is the first one's."""

    status: str
    reason: str
    host: str
    levels: dict[str, Any]
    trial_ids: list[str]


def troubles(store: Store) -> list[Troubles]:
    """Give every trial that did not end ok, those whose reasons differ in numbers alone together."""
    columns = store.columns()
    cases = {case["case_id"]: {name: case[name] for name in case if name != "case_id"} for case in store.cases()}
    found: dict[tuple[str, ...], Troubles] = {}
    for row in store.rows():
        trial = dict(zip(columns, row, strict=True))
        if trial["status"] != "ok":
            reason, place = trial["reason"] or "", (trial["host"], trial["case_id"])
            group = Troubles(trial["status"], reason, trial["host"], cases[trial["case_id"]], [])
            alike = (*place, trial["status"], without_numbers(reason))
            found.setdefault(alike, group).trial_ids.append(trial["trial_id"])
    return list(found.values())


def conclude(outcome: Outcome, *, as_json: bool) -> int:
    """Tell what a run found, for a person or as JSON; the last line says where its report lies. Gives the exit code."""
    from pageswap.analysis.findings import findings
    from pageswap.analysis.summary import summarise
    from pageswap.answers.build import build_answer
    from pageswap.campaign.run_folders import open_run

    with open_run(outcome.run_dir) as store:
        summary = summarise(store)
        answer = build_answer(summary, findings(store, summary), store.environments())
        found = (outcome, summary, answer, troubles(store))
    if as_json:
        print_json(conclusion_as_json(*found))
    else:
        show_conclusion(*found)
    return outcome.exit_code


def print_run(store: Store) -> None:
    """Print a stored run's answer and all cases' figures as one JSON object, as `run --json` has them."""
    from pageswap.analysis.findings import findings
    from pageswap.analysis.summary import summarise
    from pageswap.answers.build import build_answer

    summary = summarise(store)
    answer = build_answer(summary, findings(store, summary), store.environments())
    print_json(
        {
            "run_id": summary.run_id,
            "experiment": summary.experiment,
            "question": summary.question,
            "statuses": summary.statuses,
            "missing": summary.missing,
            "answer": answer.as_json(),
            "cases": [dataclasses.asdict(case) for case in summary.cases],
        }
    )


def measured(measure: Callable[..., Outcome], *, as_json: bool) -> int:
    """Show a campaign while it runs, then tell what it found, or why no host could be used; gives the exit code."""
    from pageswap.campaign import NoHostError
    from pageswap.campaign.progress import shown

    try:
        with shown() as on_event:
            outcome = measure(on_event=on_event)
    except NoHostError as error:
        return conclude_without(error, as_json=as_json)
    return conclude(outcome, as_json=as_json)


def conclude_without(error: NoHostError, *, as_json: bool) -> int:
    """Tell of a run that no host gave anything: each host's line, or the same document as ever; gives the exit code."""
    outcome = error.outcome
    if as_json:
        print_json(_as_json(outcome))
    else:
        host_views.show_hosts(outcome.hosts)
    # Of several hosts each one's error was told when it happened, and stands in its line.
    tell(f"error: {str(error).splitlines()[0]}" if len(outcome.host_errors) > 1 else f"error: {error}")
    if not outcome.run_dir.exists():
        tell(f"nothing was measured: {outcome.run_dir} is removed")
    return outcome.exit_code


def show_conclusion(outcome: Outcome, summary: Summary, answer: Answer, troubled: Sequence[Troubles]) -> None:
    """Print the answer, every case's figures, what did not end ok, and last where the report lies."""
    from pageswap.answers.words import answer_as_text

    print(plain(answer_as_text(answer)) + "\n")
    show_cases(summary)
    print()
    for trouble in troubled[:_TROUBLES_SHOWN]:
        place = [f"{trouble.host}:"] if len(summary.hosts) > 1 else []
        levels = ", ".join(
            ("" if name == "method" else f"{name} ") + level_text(name, trouble.levels.get(name))
            for name in summary.varying
        )
        count = f"{len(trouble.trial_ids)} trials" if len(trouble.trial_ids) > 1 else trouble.trial_ids[0]
        print(plain(" ".join([f"{trouble.status}:", *place, f"{levels} ({count}): {trouble.reason}"])))
    say_rest(len(troubled), _TROUBLES_SHOWN, "such groups of trials; the report has all")
    if len(outcome.hosts) > 1 or any(host.problem or host.host != LOCAL for host in outcome.hosts):
        print("\n" * bool(troubled), end="")
        host_views.show_hosts(outcome.hosts)
        print()
    if outcome.missing:
        print(f"still to run: {outcome.missing:,}; `./inv resume --run {outcome.run_id}` does that")
    print(f"report: {outcome.report_path or 'none, as nothing was measured'}")


def conclusion_as_json(
    outcome: Outcome, summary: Summary, answer: Answer, troubled: Sequence[Troubles]
) -> dict[str, Any]:
    """Give what `show_conclusion` prints, and all cases' figures, as one JSON object."""
    return _as_json(outcome) | {
        "answer": answer.as_json(),
        "cases": [dataclasses.asdict(case) for case in summary.cases],
        "troubles": [dataclasses.asdict(trouble) for trouble in troubled],
    }


def _as_json(outcome: Outcome) -> dict[str, Any]:
    """Give how a run stands, with empty places for what it found."""
    return {
        "run_id": outcome.run_id,
        "run_dir": str(outcome.run_dir) if outcome.run_dir.exists() else None,
        "report": str(outcome.report_path) if outcome.report_path else None,
        "exit_code": outcome.exit_code,
        "statuses": dict(outcome.statuses),
        "missing": outcome.missing,
        "hosts": host_views.hosts_as_json(outcome.hosts),
        "host_errors": {host: str(error) for host, error in outcome.host_errors.items()},
        "answer": None,
        "cases": [],
        "troubles": [],
    }


def show_cases(summary: Summary) -> None:
    """Print a line for each case up to `CASES_SHOWN`, how many are left, and one line for all hosts that gave none."""
    silent = set(summary.silent) if len(summary.silent) < len(summary.hosts) else set()
    cases = [case for case in summary.cases if case.host not in silent]
    place = ["host"] if len(summary.hosts) > 1 else []
    numbers = (f"ns per {operation(summary.workload)}", "ratio", "95 % interval", "n")
    rows = (_case_row(summary, case) for case in cases[:CASES_SHOWN])
    show_table((*place, *summary.varying, *numbers, ""), rows, frozenset(numbers))
    say_rest(len(cases), CASES_SHOWN, "cases; the report has all")
    if silent:
        hosts = [host for host in summary.hosts if host in silent]
        named = [clipped(host, _LONGEST_HOST) for host in hosts[:_HOSTS_NAMED]]
        more = len(hosts) - len(named)
        who = listed([*named, *([plural(more, "more host")] if more else [])])
        each = plural(len(summary.cases) // len(summary.hosts), "case")
        print(plain(f"nothing came from {who}: {each} not measured{' on each' if len(hosts) > 1 else ''}"))


def _case_row(summary: Summary, case: CaseSummary) -> list[str]:
    cells = [case.host] if len(summary.hosts) > 1 else []
    cells += [level_text(name, case.levels.get(name)) for name in summary.varying]
    if case.median_ns is None:
        return [*cells, "", "", "", "", case.verdict]
    ratio = "" if case.ratio is None else ratio_text(case.ratio, case.ratio_ci)
    interval = "" if case.ratio is None else interval_text(case.ratio, case.ratio_ci)
    median = nanoseconds_text(case.median_ns, case.median_ci)
    return [*cells, median, ratio, interval, str(case.n), case.told]
