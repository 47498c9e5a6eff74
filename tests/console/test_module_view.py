"""What is told of the kernel module."""

from __future__ import annotations

import json

import pytest

from pageswap import native
from pageswap.console.module_view import tell_module

BUILT = {"path": "/home/you/page swap/build/module/6.1/pageswap.ko", "release": "6.1"}
LOAD = "insmod '/home/you/page swap/build/module/6.1/pageswap.ko'"
METHOD = next(method for method in native.methods() if method.name == "module_swap")


def test_what_was_built_is_told_with_how_it_is_loaded_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    """As commands that can be typed as they stand."""
    tell_module(BUILT, as_json=False)
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == f"{BUILT['path']}: built for Linux 6.1"
    assert lines[1].endswith(LOAD)
    assert lines[2].endswith("rmmod pageswap")


@pytest.mark.parametrize("built", [None, BUILT])
def test_as_json_it_is_one_document(built: dict[str, str] | None, capsys: pytest.CaptureFixture[str]) -> None:
    """With what was built, if anything was, and whether the method can be used."""
    tell_module(built, as_json=True)
    document = json.loads(capsys.readouterr().out)

    assert document["built"] == (built and {**built, "load": LOAD, "remove": "rmmod pageswap"})
    assert (document["available"], document["reason"]) == (METHOD.available, METHOD.reason)


def test_without_building_one_line_says_whether_it_can_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    """Or why not."""
    tell_module(None, as_json=False)
    (line,) = capsys.readouterr().out.splitlines()

    assert line == f"module_swap: {METHOD.reason or 'available'}"
