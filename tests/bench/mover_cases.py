"""Cases on which the mover was not tuned: what programs may ask of it, drawn at random, each as an experiment."""

from __future__ import annotations

import dataclasses
import random

from pageswap.units import format_size

PAGE = 4096
MIB = 1 << 20
_CONTENDERS = {
    "swap": ("memcpy", "exchange_prefetch_avx2", "exchange_prefetch_avx512", "uffd_move", "mremap_fixed"),
    "permute": (
        *("memcpy", "pairwise_avx2", "pairwise_avx512", "permute_avx2", "permute_avx512"),
        *("uffd_move", "mremap_fixed"),
    ),
    "move": ("memcpy", "exchange_prefetch_avx2", "exchange_prefetch_avx512", "uffd_move", "mremap_dontunmap"),
}
_COPIES = ("memcpy", "exchange_prefetch_avx2", "exchange_prefetch_avx512")
# With `source` what is copied finds memory at its place, as `auto` does; what is remapped finds none, and has not to
# empty it, so that it would be another case.
_RELEASES = {"kept": _CONTENDERS["move"], "source": _COPIES, "both": _CONTENDERS["move"]}
# A trial moves about so much, so that one of small slots takes as long as one of large ones.
_BYTES_MOVED = 128 * MIB
_MOST_MOVES = 200_000
_MOST_BYTES_A_BATCH = 1024 * MIB
_LARGEST_REGION = 1024 * MIB
_ROUNDS = 2


@dataclasses.dataclass(frozen=True)
class Case:
    """One drawn case: its experiment without what all have in common, and the methods that stand beside `auto`."""

    name: str
    workload: str
    text: str
    contenders: tuple[str, ...]


def _of_region(chance: random.Random, workload: str, page_bytes: int) -> dict[str, object]:
    largest = _LARGEST_REGION // (2 if workload == "move" else 1)
    pages = [1 << power for power in range(20) if MIB <= page_bytes << power <= largest and power > 1]
    region_pages = chance.choice(pages)
    most = max(_ROUNDS * 8, min(_BYTES_MOVED // page_bytes, _MOST_MOVES))
    if workload == "swap":
        return {"region_size": region_pages * page_bytes, "iterations": most // 2, "rounds": _ROUNDS}
    if workload == "permute":
        batches = (1, 8, 64, 512, 4096, 32_768, 200_000)
        batch = chance.choice([count for count in batches if count * page_bytes <= _MOST_BYTES_A_BATCH])
        iterations = max(batch, min(most // 2, 50 * batch))
        return {"region_size": region_pages * page_bytes, "iterations": iterations, "rounds": 1, "batch": batch}
    run_pages = chance.choice([run for run in (1, 4, 16, 64, 512) if run * 8 <= region_pages] or [1])
    iterations = max(_ROUNDS, min(most // run_pages, _ROUNDS * (region_pages // run_pages // 2)))
    shape = {"region_size": region_pages * page_bytes, "iterations": iterations, "rounds": _ROUNDS}
    return {**shape, "run_pages": run_pages, "release": chance.choice(list(_RELEASES))}


def draw(count: int, seed: int = 42) -> list[Case]:
    """Draw so many cases, the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a sample
    return [_draw(chance, number) for number in range(count)]


def _draw(chance: random.Random, number: int) -> Case:
    workload = chance.choice(list(_CONTENDERS))
    page_bytes = PAGE << chance.choice(range(11))
    levels = {
        "workload": workload,
        "page_size": page_bytes,
        "backing": chance.choice(["private_anon", "thp"]) if page_bytes >= 2 * MIB else "private_anon",
        "touch": chance.choice(["none", "moved"]),
        "neighbours": chance.choice(["idle", "idle", "spinning"]),
        **_of_region(chance, workload, page_bytes),
    }
    contenders = _RELEASES[str(levels["release"])] if "release" in levels else _CONTENDERS[workload]
    sizes = {name: format_size(int(str(value))) for name, value in levels.items() if name.endswith("_size")}
    lines = [f"{name}: {value}" for name, value in {**levels, **sizes}.items()]
    methods = f"method: [{', '.join((*contenders, 'auto'))}]"
    return Case(f"case{number:03}", workload, "\n".join([*lines, methods, ""]), contenders)
