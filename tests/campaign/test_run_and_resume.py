"""A campaign brings a run to its end whatever its hosts' agents do, and says how it ended."""

from __future__ import annotations

import io
import platform
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

import pageswap
from pageswap.agent.journal.job import STATUSES, Job
from pageswap.campaign import events, progress
from pageswap.campaign.run_and_resume import provenance
from pageswap.errors import HostError, StoreError
from pageswap.store.store import Store
from tests.campaign.fakes import FakeTarget, journal_of, resume, run, work_through
from tests.store.fakes import attempts, change

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


SECOND_ATTEMPTS = ("killed", "interrupted", "lost")


class TestOutcome:
    """What a run ends with."""

    def test_a_good_run(self, tmp_path: Path) -> None:
        """Exit code 0, all rows, the report beside the database."""
        told: list[events.Event] = []
        outcome = run(tmp_path, FakeTarget(work_through), told=told)

        assert outcome.exit_code == 0
        assert outcome.statuses == {"ok": 9}
        assert outcome.missing == 0
        assert outcome.report_path == outcome.run_dir / "report.html"
        assert outcome.run_dir == tmp_path / "fake" / outcome.run_id
        assert [type(event) for event in told] == [
            events.Started,
            events.TrialsEnded,
            events.HostEnded,
            events.Finished,
        ]

    @pytest.mark.parametrize("status", STATUSES)
    @pytest.mark.parametrize("strict", [False, True])
    def test_the_exit_code_is_the_documented_one(self, tmp_path: Path, status: str, strict: bool) -> None:
        """4 for corrupt, and 2 for anything else but ok, as not one trial was measured."""
        expected = {"ok": 0, "corrupt": 4}.get(status, 2)
        fields = {"status": status, "reason": "because"}
        outcome = run(tmp_path, FakeTarget(lambda job: work_through(job, **fields)), strict=strict)

        assert outcome.exit_code == expected
        assert outcome.statuses == {status: 9}

    def test_hosts_are_measured_side_by_side(self, tmp_path: Path) -> None:
        """Each has all trials; one that fails does not stop the other, and the exit code is 3."""

        def fail(_job: Job) -> dict[str, Any]:
            return {"error": "no core for this CPU"}

        told: list[events.Event] = []
        outcome = run(tmp_path, FakeTarget(work_through, name="a"), FakeTarget(fail, name="b"), told=told)

        assert outcome.exit_code == 3
        assert outcome.statuses == {"ok": 9}
        assert outcome.missing == 9
        assert str(outcome.host_errors["b"]) == "b: no core for this CPU"
        assert [event.host for event in told if isinstance(event, events.HostEnded) and event.error] == ["b"]

    def test_options_are_kept_for_resume(self, tmp_path: Path) -> None:
        """A resume measures under the conditions the run was started with."""
        first = FakeTarget(lambda job: work_through(job, status="killed", reason="SIGSEGV"))
        outcome = run(tmp_path, first, tune=True, lease_s=7.0)
        second = FakeTarget(work_through)
        resume(outcome.run_dir, second)

        assert [(job.tune, job.lease_s, job.segment) for job in first.jobs + second.jobs] == [
            (True, 7.0, 1),
            (True, 7.0, 2),
        ]

    def test_a_folder_that_is_removed_meanwhile_is_named(self, tmp_path: Path) -> None:
        """As what it is; nothing is made in its place."""

        def remove(job: Job) -> bytes:
            shutil.rmtree(tmp_path / "fake")
            return work_through(job)

        with pytest.raises(StoreError, match=r"run\.sqlite: rows cannot be stored: .*moved or removed"):
            run(tmp_path, FakeTarget(remove))

        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


class TestWhatIsTold:
    """The last line says what is stored."""

    @pytest.mark.parametrize(("status", "missing"), [("unavailable", 0), ("failed", 0), ("killed", 9)])
    def test_trials_that_ended_badly_have_ended(self, tmp_path: Path, status: str, missing: int) -> None:
        """Nine of nine are stored, whether or not a resume measures them again."""
        told: list[events.Event] = []
        run(tmp_path, FakeTarget(lambda job: work_through(job, status=status, reason="because")), told=told)

        assert told[-1] == events.Finished(trials=9, statuses={status: 9}, missing=missing)

    def test_a_resume_that_brings_nothing_tells_of_what_is_there(self, tmp_path: Path) -> None:
        """Nine trials that were cut short are stored, though all of them are owed again."""
        target = FakeTarget(lambda job: work_through(job, status="killed", reason="SIGKILL"))
        run_dir = run(tmp_path, target).run_dir
        target.faults["bundle"] = [HostError("local: away")]
        lines = io.StringIO()
        with progress.shown(lines) as on_event, pytest.raises(HostError, match="away"):
            resume(run_dir, target, on_event=on_event)

        assert lines.getvalue().splitlines()[-1] == "9 of 9 trials: killed 9; 9 still to run"


class TestAgentsThatFail:
    """What an agent leaves undone the next one does."""

    def test_an_agent_that_dies_is_replaced(self, tmp_path: Path) -> None:
        """The next gets the trials that are missing, and nothing else."""
        target = FakeTarget(lambda job: work_through(job, ended=None, most=4), work_through)
        outcome = run(tmp_path, target)

        assert outcome.exit_code == 0
        assert [len(job.trials) for job in target.jobs] == [9, 5]
        assert {attempt for _, attempt, _ in attempts(outcome.run_dir / "run.sqlite")} == {1}

    def test_half_a_last_line_is_no_outcome(self, tmp_path: Path) -> None:
        """The trial it was about is measured again."""
        target = FakeTarget(lambda job: work_through(job, ended=None, most=4)[:-20], work_through)
        outcome = run(tmp_path, target)

        assert outcome.statuses == {"ok": 9}
        assert [len(job.trials) for job in target.jobs] == [9, 6]

    def test_followers_that_die_are_replaced(self, tmp_path: Path) -> None:
        """However often, as long as each brings something."""
        target = FakeTarget(work_through)
        target.cut_streams_at = 700
        outcome = run(tmp_path, target)

        assert outcome.statuses == {"ok": 9}
        assert len(target.jobs) == 1

    def test_agents_that_never_finish_a_trial_are_given_up(self, tmp_path: Path) -> None:
        """After three, with the trial and the agent's own last words."""
        target = FakeTarget(*[lambda job: work_through(job, ended=None, most=0)] * 9)
        with pytest.raises(HostError, match=r"local: 3 agents in a row .* w0\.c0000 \(null\).*last words"):
            run(tmp_path, target)

        assert len(target.jobs) == 3

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda _job: b"\x00garbage\n",
            lambda _job: b'{"seq": NaN}\n',
            lambda job: journal_of(job).trial("b99.c0000"),
            lambda job: work_through(job, most=1),
            lambda job: b"".join(work_through(Job(**{**vars(job), "run_id": "another"})).splitlines(keepends=True)[1:]),
            lambda _job: b"x" * (5 << 20),
        ],
        ids=["garbage", "NaN", "unplanned", "replayed", "another run", "endless line"],
    )
    def test_a_journal_gone_bad_is_cut_off_there(self, tmp_path: Path, spoil: Callable[[Job], bytes]) -> None:
        """What came before is kept, its agent is stopped, what is missing is measured by another."""
        target = FakeTarget(lambda job: work_through(job, ended=None, most=4) + spoil(job), work_through)
        told: list[events.Event] = []
        outcome = run(tmp_path, target, told=told)

        assert outcome.statuses == {"ok": 9}
        assert [len(job.trials) for job in target.jobs] == [9, 5]
        assert [how for _, how in target.stops] == ["kill"]
        assert any(isinstance(event, events.Noted) for event in told)
        ended = [trial for event in told if isinstance(event, events.TrialsEnded) for trial in event.trials]
        assert len({trial["trial_id"] for trial in ended}) == len(ended) == 9

    def test_what_kills_its_process_does_not_keep_the_run_from_ending(self, tmp_path: Path) -> None:
        """A trial cut short is owed to the next resume, not to this run."""
        target = FakeTarget(lambda job: work_through(job, status="killed", reason="SIGSEGV"))
        outcome = run(tmp_path, target)

        assert outcome.exit_code == 2
        assert len(target.jobs) == 1
        assert outcome.missing == 9


class TestLease:
    """One measurement at a time."""

    def test_another_runs_holder_is_named_and_no_run_is_left(self, tmp_path: Path) -> None:
        """So that `latest` is not an empty run."""
        holder = {"pid": 77, "user": "ann", "run_id": "r", "since": "2025-01-31T12:00:00Z", "note": None}
        with pytest.raises(HostError, match=r"process 77 of user ann, run r, since 2025.*--wait"):
            run(tmp_path, FakeTarget(lambda _job: {"held_by": holder}))

        assert list(tmp_path.iterdir()) == []

    def test_a_start_that_fails_leaves_no_run(self, tmp_path: Path) -> None:
        """The host's reason is the error."""
        with pytest.raises(HostError, match="local: the core does not load"):
            run(tmp_path, FakeTarget(lambda _job: {"error": "the core does not load"}))

        assert list(tmp_path.iterdir()) == []


class TestResume:
    """What a run still lacks."""

    @pytest.mark.parametrize("status", STATUSES)
    def test_only_what_was_cut_short_is_measured_again(self, tmp_path: Path, status: str) -> None:
        """Every other outcome is final; superseded attempts stay."""
        outcome = run(tmp_path, FakeTarget(lambda job: work_through(job, status=status, reason="")))
        target = FakeTarget(work_through)
        again = resume(outcome.run_dir, target)
        is_retried = status in SECOND_ATTEMPTS

        assert again.statuses == ({"ok": 9} if is_retried else {status: 9})
        assert len(target.jobs) == (1 if is_retried else 0)
        assert len(attempts(outcome.run_dir / "run.sqlite")) == (18 if is_retried else 9)

    def test_what_a_host_finished_meanwhile_is_collected_first(self, tmp_path: Path) -> None:
        """A controller that died with half of a journal read: nothing is measured twice."""
        target = FakeTarget(lambda job: work_through(job, ended=None, most=2), lambda _job: {"error": "out of order"})
        outcome = run(tmp_path, target)
        assert outcome.exit_code == 3
        (segment,) = target.segments.values()
        change(outcome.run_dir / "run.sqlite", "UPDATE segment SET ended = NULL")
        segment.journal = work_through(segment.job)
        again = resume(outcome.run_dir, target)

        assert again.statuses == {"ok": 9}
        assert len(target.jobs) == 1

    def test_a_segment_that_never_began_is_written_off(self, tmp_path: Path) -> None:
        """Noted before its agent was started, by a controller that died then."""
        outcome = run(tmp_path, FakeTarget(lambda job: work_through(job, status="lost", reason="")))
        with Store.open(outcome.run_dir / "run.sqlite") as store:
            assert store.new_segment("local") == 2
        target = FakeTarget(work_through)
        again = resume(outcome.run_dir, target)

        assert again.statuses == {"ok": 9}
        assert [job.segment for job in target.jobs] == [3]
        # Its starter may have outlived the controller: it must not begin now.
        assert [(work_dir.rpartition("/")[2], how) for work_dir, how in target.stops] == [("2", "forbid")]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Give a repository with one commit."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "file").write_text("1")
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "file"], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", folder, *words], check=True)
    return folder


def test_a_clean_checkout(repository: Path) -> None:
    """Its commit, and everything else that was asked for."""
    head = subprocess.run(["git", "-C", repository, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    found = provenance(repository, ["inv", "run", "--spec", "my file.yaml"])

    assert found["commit"] == head.stdout.strip()
    assert found["dirty"] is False
    assert found["command"] == "inv run --spec 'my file.yaml'"
    assert found["version"] == pageswap.__version__
    assert found["python"] == platform.python_version()
    assert found["user"]


@pytest.mark.parametrize("name", ["file", "new file"])
def test_changed_and_unknown_files_make_it_dirty(repository: Path, name: str) -> None:
    """A new source file changes what is measured as much as a changed one."""
    (repository / name).write_text("2")

    assert provenance(repository, [])["dirty"] is True


def test_a_folder_inside_another_repository_has_no_commit(repository: Path) -> None:
    """That one's commit says nothing about this code."""
    inner = repository / "inner"
    inner.mkdir()
    found = provenance(inner, [])

    assert (found["commit"], found["dirty"]) == (None, None)


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    """Has none to name."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)

    assert provenance(tmp_path, [])["commit"] is None


def test_no_git_at_all(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is no error."""
    monkeypatch.setenv("PATH", "/nowhere")

    assert provenance(repository, [])["commit"] is None
