"""ARCHITECTURE.md draws the package as it is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "pageswap"


def drawn() -> list[str]:
    """Return the paths of the tree in ARCHITECTURE.md, in its order."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    tree = next(block for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) if block.startswith("console/"))
    paths, folder = [], ""
    for line in tree.splitlines():
        entry = re.match(r"( *)((?:\S+ )*\S+)  ", line)
        assert entry is not None, line
        indent, names = entry.groups()
        for name in names.split():
            folder = folder if indent else name if name.endswith("/") else ""
            paths.append(f"{folder}{name}" if indent else name)
    return paths


def test_every_folder_is_drawn_and_nothing_else() -> None:
    """A folder that comes, goes or moves shows in the picture."""
    folders = {
        f"{path.parent.relative_to(PACKAGE)}/" for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE
    }
    shown = drawn()

    assert folders == {path for path in shown if path.endswith("/")}
    assert [] == [path for path in shown if not (PACKAGE / path).exists()]


def test_it_is_drawn_in_the_order_of_the_layers() -> None:
    """As the linter proves them, from top to bottom."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]
    layers = [re.findall(r"pageswap\.(\w+)", layer) for layer in contract["layers"]]
    tops = [path.partition("/")[0].removesuffix(".py") for path in drawn()]
    order = list(dict.fromkeys(tops))

    assert [name for layer in layers for name in layer] == [name for name in order if name != "pageswap"]
