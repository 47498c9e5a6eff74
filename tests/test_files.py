"""A file appears whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pageswap.files import replacing

if TYPE_CHECKING:
    from pathlib import Path


def test_the_file_is_there_when_the_block_ends(tmp_path: Path) -> None:
    """Not before; and its folder is made."""
    path = tmp_path / "new" / "file"
    with replacing(path) as file:
        file.write(b"whole")
        assert not path.exists()

    assert path.read_bytes() == b"whole"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_raises_changes_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """Ctrl-C leaves no half of a file either."""
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()

    assert [path] == list(tmp_path.iterdir())
    assert path.read_bytes() == b"old"
