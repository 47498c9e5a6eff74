"""What every target shares: folders that names cannot lead out of."""

from __future__ import annotations

import pytest

from pageswap.errors import HostError, HostPythonError
from pageswap.fleet.transport.target import named, segment_folder


def test_a_segment_has_a_folder_of_its_own() -> None:
    """By run, host and number."""
    folder = segment_folder("/home/ann/.cache/pageswap", "20250131T120000Z-0a1b2c", "lab-1.rack_2", 3)

    assert folder == "/home/ann/.cache/pageswap/runs/20250131T120000Z-0a1b2c/lab-1.rack_2/3"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a..b", "-o", "$(x)", "a b", "a\n", "\0", "é", "x" * 300]
)
def test_no_name_leads_elsewhere(name: str) -> None:
    """Neither a run's nor a host's."""
    for run_id, host in ((name, "lab1"), ("run", name)):
        with pytest.raises(HostError, match="cannot be a folder"):
            segment_folder("/cache", run_id, host, 1)


@pytest.mark.parametrize(
    ("text", "told"), [("a: x", "a: x"), ("a (10.0.0.1:22): x", "a (10.0.0.1:22): x"), ("/x: y", "a: /x: y")]
)
def test_an_error_of_a_host_begins_with_its_name(text: str, told: str) -> None:
    """Once, and it stays the kind of error that it was; what is no host's error stays as it is."""
    error = named("a", HostPythonError(text))
    other = ValueError("x")

    assert (str(error), type(error)) == (told, HostPythonError)
    assert named("a", other) is other
