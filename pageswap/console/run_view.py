"""What a command prints of a run: the answer, a line a case with what it rests on, and what did not end ok."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.campaign.outcome import without_numbers
from pageswap.console import host_views
from pageswap.console.exits import tell
from pageswap.console.output import print_json, say, say_rest, show_table
from pageswap.spec.hostnames import LOCAL
from pageswap.text.levels import level_text, operation
from pageswap.text.lists import clipped, first_few, host_prefix, plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.analysis.summary import Summary
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

    def text(self, summary: Summary) -> str:
        """Return it as a line, with the host and the levels that differ in the run."""
        levels = ", ".join(
            ("" if name == "method" else f"{name} ") + level_text(name, self.levels.get(name))
            for name in summary.varying
        )
        count = f"{len(self.trial_ids)} trials" if len(self.trial_ids) > 1 else self.trial_ids[0]
        return f"{self.status}: {host_prefix(summary.hosts, self.host)}{levels} ({count}): {self.reason}"


def troubles(store: Store) -> list[Troubles]:
    """Return every trial that did not end ok, those whose reasons differ in numbers alone together."""
    columns = store.columns()
    cases = {case["case_id"]: {name: case[name] for name in case if name != "case_id"} for case in store.cases()}
    found: dict[tuple[str, ...], Troubles] = {}
    for row in store.rows():
        trial = dict(zip(columns, row, strict=True))
        if trial["status"] != "ok":
            reason = trial["reason"] or ""
            group = Troubles(trial["status"], reason, trial["host"], cases[trial["case_id"]], [])
            alike = (trial["host"], trial["case_id"], trial["status"], without_numbers(reason))
            found.setdefault(alike, group).trial_ids.append(trial["trial_id"])
    return list(found.values())


def measured(measure: Callable[..., Outcome], *, as_json: bool) -> int:
    """Show a campaign while it runs, then tell what it found, or why no host could be used; return the exit code."""
    from pageswap.campaign import NoHostError
    from pageswap.campaign.progress import shown

    try:
        with shown() as on_event:
            outcome = measure(on_event=on_event)
    except NoHostError as error:
        return conclude_without(error, as_json=as_json)
    return conclude(outcome, as_json=as_json)


def conclude(outcome: Outcome, *, as_json: bool) -> int:
    """Tell what a run found, for a person or as JSON, the report's place last; return the exit code."""
    from pageswap.campaign.run_folders import open_run

    with open_run(outcome.run_dir) as store:
        summary, answer = _found(store)
        troubled = troubles(store)
    if as_json:
        groups = [dataclasses.asdict(trouble) for trouble in troubled]
        print_json(_as_json(outcome) | _figures(summary, answer) | {"troubles": groups})
    else:
        _show_conclusion(outcome, summary, answer, troubled)
    return outcome.exit_code


def conclude_without(error: NoHostError, *, as_json: bool) -> int:
    """Tell of a run that no host gave anything: each host's line, or the same document; return the exit code."""
    outcome = error.outcome
    if as_json:
        from pageswap.answers.build import no_answer

        print_json(_as_json(outcome) | {"answer": no_answer().as_json(), "cases": [], "troubles": []})
    else:
        host_views.show_hosts(outcome.hosts)
    # Of several hosts each one's error was told when it happened, and stands in its line.
    tell(f"error: {str(error).splitlines()[0]}" if len(outcome.host_errors) > 1 else f"error: {error}")
    if not outcome.run_dir.exists():
        tell(f"nothing was measured: {outcome.run_dir} is removed")
    return outcome.exit_code


def print_run(store: Store) -> None:
    """Print a stored run's answer and all cases' figures as one JSON object, as `run --json` has them."""
    summary, answer = _found(store)
    names = ("run_id", "experiment", "question", "statuses", "missing")
    print_json({name: getattr(summary, name) for name in names} | _figures(summary, answer))


def _found(store: Store) -> tuple[Summary, Answer]:
    from pageswap.analysis.findings import findings
    from pageswap.analysis.summary import summarise
    from pageswap.answers.build import build_answer

    summary = summarise(store)
    return summary, build_answer(summary, findings(summary), store.environments())


def _figures(summary: Summary, answer: Answer) -> dict[str, Any]:
    return {"answer": answer.as_json(), "cases": [dataclasses.asdict(case) for case in summary.cases]}


def _as_json(outcome: Outcome) -> dict[str, Any]:
    """Return how a run stands, without what it found."""
    return {
        "run_id": outcome.run_id,
        "run_dir": str(outcome.run_dir) if outcome.run_dir.exists() else None,
        "report": str(outcome.report_path) if outcome.report_path else None,
        "exit_code": outcome.exit_code,
        "statuses": dict(outcome.statuses),
        "missing": outcome.missing,
        "hosts": [host.to_json() for host in outcome.hosts],
        "host_errors": {host: str(error) for host, error in outcome.host_errors.items()},
    }


def _show_conclusion(outcome: Outcome, summary: Summary, answer: Answer, troubled: list[Troubles]) -> None:
    from pageswap.answers.words import answer_lines

    say("\n".join(answer_lines(answer)) + "\n")
    show_cases(summary)
    print()
    for trouble in troubled[:_TROUBLES_SHOWN]:
        say(trouble.text(summary))
    say_rest(len(troubled), _TROUBLES_SHOWN, "such groups of trials; the report has all")
    if len(outcome.hosts) > 1 or any(host.problem or host.host != LOCAL for host in outcome.hosts):
        print("\n" * bool(troubled), end="")
        host_views.show_hosts(outcome.hosts)
        print()
    if outcome.missing:
        say(f"still to run: {outcome.missing:,}; `./inv resume --run {outcome.run_id}` does that")
    say(f"report: {outcome.report_path or 'none, as nothing was measured'}")


def show_cases(summary: Summary) -> None:
    """Print a line for each case up to `CASES_SHOWN`, how many are left, and one line for all hosts that gave none."""
    from pageswap.comparison.markdown import case_cells

    silent = set(summary.silent) if len(summary.silent) < len(summary.hosts) else set()
    cases = [case for case in summary.cases if case.host not in silent]
    place = ["host"] if len(summary.hosts) > 1 else []
    numbers = (f"ns per {operation(summary.workload)}", "ratio", "95 % interval", "n")
    rows = (case_cells(summary, case) for case in cases[:CASES_SHOWN])
    show_table((*place, *summary.varying, *numbers, ""), rows, frozenset(numbers))
    say_rest(len(cases), CASES_SHOWN, "cases; the report has all")
    if silent:
        hosts = [clipped(host, _LONGEST_HOST) for host in summary.hosts if host in silent]
        each = plural(len(summary.cases) // len(summary.hosts), "case")
        on_each = " on each" if len(hosts) > 1 else ""
        say(f"nothing came from {first_few(hosts, _HOSTS_NAMED, 'host')}: {each} not measured{on_each}")
