"""Runs on the nodes of a real Slurm cluster, and what may go wrong with a cluster meanwhile."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import signal
from typing import TYPE_CHECKING

import pytest
from requirement import require

from pageswap.agent.host.environment import doubts
from pageswap.store.store import Store
from tests.integration import cluster as clusters
from tests.integration.agent_processes import kill
from tests.integration.cluster import Cluster, ClusterFleet, wait_for
from tests.integration.fleet import check_whole, finish, rows
from tests.integration.lab import go_on, hold_trial, wait_for_word

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

ALL = tuple(f"cluster/n{number}" for number in range(1, 5))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Make a cluster of four nodes for all tests."""
    missing = clusters.what_is_missing()
    require("root" if "root" in missing else "slurm", not missing, missing)
    made = Cluster(tmp_path_factory.mktemp("cluster"), 4)
    yield made
    made.end()


@pytest.fixture
def fleet(cluster: Cluster, tmp_path: Path) -> Iterator[ClusterFleet]:
    """Give a controller's folders, and leave the cluster as it was."""
    yield ClusterFleet(tmp_path, cluster.network)

    cluster.settled()


def test_all_nodes_are_measured_by_one_command(cluster: Cluster, fleet: ClusterFleet) -> None:
    """Rows are complete, and nothing is left there."""
    ended = fleet.run()

    assert ended.code == 0, ended.errors
    assert ended.run_dir
    check_whole(ended.run_dir, fleet.spec(repeats=1), ALL)
    assert not cluster.agents()


@dataclasses.dataclass
class Story:
    """A run on one node, whose trial in hand is held, that something happens to; and what is known of it in the end.

    `uploaded` is when each file was uploaded that was there before the run. Before Slurm tells a job to end, it has all
    of its processes go on.
    """

    cluster: Cluster
    fleet: ClusterFleet
    controller: subprocess.Popen[str]
    trial: int
    job: int
    uploaded: dict[str, int]

    def whole(self) -> str:
        """Assert that every trial has one row, that none of it was measured twice, and that nothing is left."""
        ended = finish(self.controller)
        assert ended.code == 0, ended.errors
        assert ended.run_dir
        check_whole(ended.run_dir, self.fleet.spec(repeats=1), ALL[:1])
        assert {row.attempt for row in rows(ended.run_dir)} == {1}
        assert not self.uploaded or self.cluster.uploaded() == self.uploaded
        wait_for(lambda: not self.cluster.agents())
        return ended.errors


@pytest.fixture
def story(cluster: Cluster, fleet: ClusterFleet) -> Story:
    """Begin a run that is in the middle of a trial."""
    uploaded = cluster.uploaded()
    controller = fleet.begin(ALL[0])
    trial = hold_trial(cluster.roles, 60.0)
    (job,) = cluster.jobs("RUNNING")
    return Story(cluster, fleet, controller, trial, job, uploaded)


def test_a_job_cancelled_from_outside_is_followed_by_another(story: Story) -> None:
    """The trial in hand ends before, and what is owed goes on."""
    story.cluster.cancel(story.job)

    story.whole()


def test_a_job_at_its_time_limit_is_followed_by_another(story: Story) -> None:
    """It has asked for what the plan is expected to take, with a margin."""
    limit = story.cluster.minutes(story.job)
    story.cluster.operate("update", f"jobid={story.job}", "endtime=now")

    story.whole()

    # 14 trials of a moment, one of which may take 10 minutes, and 2 minutes to begin in.
    assert limit == "13:00"


def test_a_preempted_job_goes_on_when_it_is_begun_again(story: Story) -> None:
    """In the next segment, by itself, as soon as Slurm lets it: two minutes later, unless somebody says otherwise."""
    story.cluster.submit("--partition=urgent", "--exclusive", "--nodelist=n1", seconds=3)
    wait_for(lambda: story.job in story.cluster.jobs("PENDING"))
    story.cluster.operate("update", f"jobid={story.job}", "starttime=now")

    errors = story.whole()

    assert f"job {story.job} is pending" in errors
    assert list(story.cluster.shared.glob("ps*/runs/*/cluster=n1/2/continues"))


def test_daemons_that_die_cost_nothing(story: Story) -> None:
    """The job goes on without Slurm's and ssh's, and is followed on."""
    cluster = story.cluster
    cluster.kill(cluster.login, "slurmctld")
    cluster.kill(cluster.nodes["n1"], "slurmd")
    cluster.login.kill_sshd()
    go_on(story.trial)
    wait_for(lambda: not cluster.nodes["n1"].roles()["agent"])
    cluster.login.start_sshd()
    cluster.start_slurmd("n1")
    cluster.start_slurmctld()

    assert "reached again" in story.whole()


def test_two_controllers_take_turns_though_one_is_killed(story: Story) -> None:
    """The scheduler has one wait for the other; what a job has measured meanwhile is collected, or followed."""
    other = story.fleet.begin(ALL[0])
    wait_for_word(other, "waiting: job")
    kill(story.controller.pid)
    output, _ = story.controller.communicate()

    story.controller = story.fleet.start({"resume": output.splitlines()[0]})
    go_on(story.trial)

    story.whole()
    ended = finish(other)
    assert ended.code == 0, ended.errors
    assert ended.run_dir
    check_whole(ended.run_dir, story.fleet.spec(repeats=1), ALL[:1])


def test_a_full_folder_is_told_and_resumed(story: Story) -> None:
    """What fitted is kept, and nothing goes on until there is room."""
    filler = story.cluster.shared / "filler"
    with filler.open("wb", 0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1 << 12)):
            pass
    go_on(story.trial)
    ended = finish(story.controller)
    filler.unlink()

    assert ended.code == 3, ended.errors
    assert "No space left on device" in ended.errors
    assert ended.run_dir
    story.controller = story.fleet.start({"resume": str(ended.run_dir)})
    story.whole()


def test_a_job_that_waits_is_cancelled_with_its_run(cluster: Cluster, fleet: ClusterFleet) -> None:
    """By Ctrl-C; nothing was measured, and nothing is left in the queue."""
    foreign = cluster.submit("--exclusive", "--nodelist=n1")
    wait_for(lambda: foreign in cluster.jobs("RUNNING"))
    controller = fleet.begin(ALL[0])
    wait_for(lambda: cluster.jobs("PENDING"))

    controller.send_signal(signal.SIGINT)
    ended = finish(controller)

    assert ended.code == 130, ended.errors
    assert list(cluster.jobs()) == [foreign]


def test_what_cannot_begin_ends_its_own_part(cluster: Cluster, fleet: ClusterFleet) -> None:
    """With Slurm's reason, and leaves no job behind; the others are measured. One node is drained while a job waits."""
    foreign = cluster.submit("--exclusive", "--nodelist=n2")
    cluster.operate("update", "partitionname=urgent", "state=down")
    try:
        inventory = fleet.inventory(down="urgent", odd="nowhere", others="closed")
        hosts = (*ALL[:2], "down/n3", "odd/n4", "others/n3")
        controller = fleet.begin(*hosts, inventory=inventory)
        wait_for(lambda: "n2" in cluster.jobs("PENDING").values())
        cluster.operate("update", "nodename=n2", "state=drain", "reason=test")
        ended = finish(controller)
    finally:
        cluster.operate("update", "nodename=n2", "state=resume")
        cluster.operate("update", "partitionname=urgent", "state=up")

    assert ended.code == 3, ended.errors
    for host, reason in {
        "cluster/n2": "cannot begin: ReqNodeNotAvail",
        "down/n3": "cannot begin: PartitionDown",
        "odd/n4": "sbatch: .*Invalid partition name specified",
        "others/n3": "cannot begin: Job's account not known, so it can't use this partition",
    }.items():
        assert re.search(f"{host}: .*{reason}", ended.errors), ended.errors
    assert list(cluster.jobs()) == [foreign]
    assert ended.run_dir
    check_whole(ended.run_dir, fleet.spec(repeats=1), ALL[:1])


def test_credentials_that_cannot_be_made_are_told(cluster: Cluster, fleet: ClusterFleet) -> None:
    """Nobody believes who we are without them."""
    cluster.end_munged(cluster.login)
    try:
        whole, node = fleet.run(), fleet.run(ALL[0])
    finally:
        cluster.start_munged(cluster.login)

    assert whole.code == node.code == 3
    assert "cluster: sinfo: " in whole.errors
    for ended in (whole, node):
        assert "unge" in ended.errors


def test_other_jobs_on_the_node_are_in_the_rows(cluster: Cluster, fleet: ClusterFleet) -> None:
    """Where a partition shares its nodes, whatever is asked for; and of its time no more is asked than it gives."""
    cluster.submit("--partition=crowded", "--nodelist=n1", "--ntasks=1")
    wait_for(lambda: cluster.jobs("RUNNING"))
    ended = fleet.run("crowded/n1", inventory=fleet.inventory(crowded="crowded"))

    assert ended.code == 0, ended.errors
    assert ended.run_dir
    with Store.open(ended.run_dir / "run.sqlite") as store:
        counters = store.columns().index("counters")
        assert {json.loads(row[counters])["other_jobs"] for row in store.rows()} == {1}
        environment = store.environments()["crowded/n1"]
    assert doubts(environment)["other_jobs"] == "1 other job of the scheduler ran on the node"
