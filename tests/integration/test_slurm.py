"""Runs on the nodes of a real Slurm cluster, and what may go wrong with a cluster meanwhile."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
from typing import TYPE_CHECKING

import pytest
from requirement import require

from pageswap.agent.host.environment import doubts
from pageswap.store.store import Store
from tests.integration import cluster as clusters
from tests.integration.agent_processes import kill
from tests.integration.cluster import Cluster, ClusterFleet, waits_for
from tests.integration.fleet import check_whole, finish, rows
from tests.integration.lab import wait_until

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
    yield ClusterFleet(tmp_path, cluster.network, cluster=cluster, seen=len(cluster.journals()))
    cluster.settled()


def test_all_nodes_are_measured_by_one_command(cluster: Cluster, fleet: ClusterFleet) -> None:
    """From cold: rows are complete, and a second run uploads nothing."""
    first = fleet.run()
    bundles = cluster.bundles()
    second = fleet.run("cluster/n2", "cluster/n4")

    assert first.code == second.code == 0, first.errors + second.errors
    assert first.run_dir
    assert second.run_dir
    check_whole(first.run_dir, fleet.spec(repeats=1), ALL)
    check_whole(second.run_dir, fleet.spec(repeats=1), ("cluster/n2", "cluster/n4"))
    assert cluster.bundles() == bundles
    assert len(bundles) == 1
    assert not cluster.agents()


@dataclasses.dataclass
class Story:
    """A run on one node that something happens to, and what is known of it in the end."""

    cluster: Cluster
    fleet: ClusterFleet
    controller: subprocess.Popen[str]

    @property
    def job(self) -> int:
        """The run's job."""
        (number,) = self.cluster.jobs("RUNNING")
        return number

    def whole(self) -> str:
        """Assert that every trial has one row, that none of it was measured twice, and that nothing is left."""
        ended = finish(self.controller, 400.0)
        assert ended.code == 0, ended.errors
        assert ended.run_dir
        check_whole(ended.run_dir, some_seconds(self.fleet), ALL[:1])
        assert {row.attempt for row in rows(ended.run_dir)} == {1}
        wait_until(lambda: not self.cluster.agents())
        return ended.errors


def some_seconds(fleet: ClusterFleet) -> Path:
    """Write an experiment that takes some seconds."""
    return fleet.spec(repeats=2, iterations=200_000)


@pytest.fixture
def story(cluster: Cluster, fleet: ClusterFleet) -> Story:
    """Begin a run that is in the middle of its trials."""
    controller = fleet.begin(ALL[0], spec=some_seconds(fleet))
    fleet.under_way()
    return Story(cluster, fleet, controller)


def test_a_job_cancelled_from_outside_is_followed_by_another(story: Story) -> None:
    """The trial in hand ends before, and what is owed goes on."""
    story.cluster.cancel(story.job)

    story.whole()


def test_a_preempted_job_goes_on_when_it_is_begun_again(story: Story) -> None:
    """In the next segment, by itself, as soon as Slurm lets it: two minutes later, unless somebody says otherwise."""
    job = story.job
    story.cluster.submit("--partition=urgent", "--exclusive", "--nodelist=n1", seconds=3)
    wait_until(lambda: job in story.cluster.jobs("PENDING"), 60.0)
    story.cluster.operate("update", f"jobid={job}", "starttime=now")

    errors = story.whole()

    assert f"job {job} is pending" in errors
    assert list(story.cluster.shared.glob("ps/runs/*/cluster=n1/2/continues"))


def test_a_controller_of_slurm_that_dies_costs_nothing(story: Story) -> None:
    """The job goes on, and is followed on."""
    story.cluster.kill(story.cluster.login, "slurmctld")
    story.fleet.under_way(8)
    story.cluster.start_slurmctld()

    story.whole()


def test_a_nodes_daemon_that_dies_costs_nothing(story: Story) -> None:
    """The job's own daemon goes on."""
    story.cluster.kill(story.cluster.nodes["n1"], "slurmd")
    story.fleet.under_way(8)
    story.cluster.start_slurmd("n1")

    story.whole()


def test_the_way_to_the_login_host_is_brought_up_again(story: Story) -> None:
    """As to any host."""
    story.cluster.login.kill_sshd()
    story.cluster.login.start_sshd()

    assert "reached again" in story.whole()


def test_a_controller_that_is_killed_is_resumed(story: Story) -> None:
    """What its job has measured meanwhile is collected, or followed."""
    kill(story.controller.pid)
    story.controller.communicate()
    (run_dir,) = story.fleet.runs()

    story.controller = story.fleet.start({"resume": str(run_dir)})

    story.whole()


def test_two_controllers_take_turns(story: Story) -> None:
    """The scheduler has one wait for the other."""
    other = story.fleet.run(ALL[0])

    assert other.code == 0, other.errors
    assert waits_for(other.errors)
    story.whole()


def test_a_full_folder_is_told_and_resumed(story: Story) -> None:
    """What fitted is kept, and nothing goes on until there is room."""
    filler = story.cluster.shared / "filler"
    with filler.open("wb", 0) as file, contextlib.suppress(OSError):
        while file.write(bytes(1 << 12)):
            pass
    ended = finish(story.controller)
    filler.unlink()

    assert ended.code == 3, ended.errors
    assert "No space left on device" in ended.errors
    assert ended.run_dir
    assert rows(ended.run_dir)
    story.controller = story.fleet.start({"resume": str(ended.run_dir)})
    story.whole()


def test_a_job_that_waits_is_cancelled_with_its_run(cluster: Cluster, fleet: ClusterFleet) -> None:
    """By Ctrl-C; nothing was measured, and nothing is left in the queue."""
    foreign = cluster.submit("--exclusive", "--nodelist=n1")
    wait_until(lambda: foreign in cluster.jobs("RUNNING"))
    controller = fleet.begin(ALL[0])
    wait_until(lambda: cluster.jobs("PENDING"), 60.0)

    controller.send_signal(signal.SIGINT)
    ended = finish(controller)

    assert ended.code == 130, ended.errors
    assert list(cluster.jobs()) == [foreign]


def test_a_drained_node_ends_its_own_part(cluster: Cluster, fleet: ClusterFleet) -> None:
    """With Slurm's reason; the others are measured."""
    cluster.operate("update", "nodename=n2", "state=drain", "reason=test")
    try:
        ended = fleet.run(*ALL[:2])
    finally:
        cluster.operate("update", "nodename=n2", "state=resume")

    assert ended.code == 3, ended.errors
    assert "cluster/n2: Slurm's job" in ended.errors
    assert "cannot begin: ReqNodeNotAvail" in ended.errors
    assert ended.run_dir
    check_whole(ended.run_dir, fleet.spec(repeats=1), ALL[:1])


def test_a_partition_that_is_down_is_told(cluster: Cluster, fleet: ClusterFleet) -> None:
    """No job is left behind."""
    cluster.operate("update", "partitionname=urgent", "state=down")
    try:
        ended = fleet.run(ALL[0], inventory=fleet.inventory(partition="urgent"))
    finally:
        cluster.operate("update", "partitionname=urgent", "state=up")

    assert ended.code == 3
    assert "cannot begin: PartitionDown" in ended.errors
    assert not cluster.jobs("PENDING")


def test_who_may_not_submit_is_told_in_slurms_words(fleet: ClusterFleet) -> None:
    """Such as a partition or an account that there is not."""
    ended = fleet.run(ALL[0], inventory=fleet.inventory(partition="nowhere"))

    assert ended.code == 3
    assert "cluster/n1: sbatch: " in ended.errors
    assert "Batch job submission failed: Invalid partition name specified" in ended.errors


def test_credentials_that_cannot_be_made_are_told(cluster: Cluster, fleet: ClusterFleet) -> None:
    """Nobody believes who we are without them."""
    cluster.kill(cluster.login, "munged")
    try:
        whole, node = fleet.run(), fleet.run(ALL[0])
    finally:
        cluster.start_munged(cluster.login)

    assert whole.code == node.code == 3
    assert "cluster: sinfo: " in whole.errors
    for ended in (whole, node):
        assert "unge" in ended.errors


def test_other_jobs_on_the_node_are_in_the_rows(cluster: Cluster, fleet: ClusterFleet) -> None:
    """Where a partition shares its nodes, whatever is asked for."""
    cluster.submit("--partition=crowded", "--nodelist=n1", "--ntasks=1")
    wait_until(lambda: cluster.jobs("RUNNING"))
    ended = fleet.run(ALL[0], inventory=fleet.inventory(partition="crowded"))

    assert ended.code == 0, ended.errors
    assert ended.run_dir
    with Store.open(ended.run_dir / "run.sqlite") as store:
        counters = store.columns().index("counters")
        assert {json.loads(row[counters])["other_jobs"] for row in store.rows()} == {1}
        environment = store.environments()[ALL[0]]
    assert doubts(environment)["other_jobs"] == "1 other job of the scheduler ran on the node"
