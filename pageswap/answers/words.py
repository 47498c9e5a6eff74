"""The words of answers: templates over typed records. No sentence stands in Python."""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.sax import saxutils

import jinja2

from pageswap.answers.kept_templates import KeptTemplates
from pageswap.answers.record import HEADLINE_LENGTH, Answer, Finding
from pageswap.statistics.intervals import MINIMUM_N, Interval
from pageswap.text.numbers import decimal_unit, figure_text, interval_text, percent_text, with_digits
from pageswap.text.words import clipped, first_few, level_text, levels_phrase, listed, plural, visible

if TYPE_CHECKING:
    from collections.abc import Iterable


TEMPLATES: Final = Path(__file__).resolve().parents[2] / "templates" / "answers"
_BEFORE_STOP: Final = re.compile(r" (?=[;,.:](?: |$))")
# Nearer to 1 than this two digits would say nothing.
_NEAR: Final = 1.095
# Bytes, printed to three digits: an interpolated size is never known to more.
_UNITS: Final = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


@functools.cache
def environment() -> jinja2.Environment:
    """Return the settings of all templates of words; they make plain text, so nothing is escaped."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader((TEMPLATES, TEMPLATES.parent)),
        autoescape=False,  # noqa: S701 - plain text; whoever puts it on a page escapes it there
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=KeptTemplates(TEMPLATES.parent, "words"),
    )
    made.filters |= {
        "clipped": clipped,
        "first_few": first_few,
        "levels": levels_phrase,
        "level": lambda value, factor: level_text(factor, value),
        "listed": lambda words, last="and": listed(list(words), last),
        "percent": percent_text,
        "plural": plural,
        "xml": lambda text: saxutils.escape(visible(str(text)), {'"': "&quot;"}),
    }
    made.globals |= {
        "factor": factor_text,
        "known": figure_text,
        "rate_text": rate_text,
        "short_multiple": lambda ratio: _short(1 / ratio),
        "short_rate": lambda rate: f"{_short(rate / decimal_unit(rate)[0])} {decimal_unit(rate)[1]}B/s",
        "needed": MINIMUM_N,
        "span": span_text,
        "size": size_text,
    }
    return made


def say(template: str, macro: str, *arguments: object) -> str:
    """Return what a macro of a template says, on one line."""
    made = environment().get_template(f"{template}.j2").module
    return _on_one_line(str(getattr(made, macro)(*arguments)))


def _on_one_line(text: str) -> str:
    # A template may break its line before a stop.
    return _BEFORE_STOP.sub("", " ".join(text.split()))


def fitted(template: str, macro: str, *facts: object) -> str:
    """Return the headline that says most and has at most `HEADLINE_LENGTH` characters; the last argument is detail."""
    # How much it leaves out: 0 is nothing, the last has counts alone and always fits.
    for detail in range(10):
        text = say(template, macro, *facts, detail)
        if len(text) <= HEADLINE_LENGTH:
            return text
    return clipped(text, HEADLINE_LENGTH)


def lines(template: str, **facts: object) -> list[str]:
    """Return what a template says, a line each, of any length."""
    text = environment().get_template(template).render(**facts)
    return [_on_one_line(line) for line in text.splitlines() if line.strip()]


def answer_lines(answer: Answer) -> list[str]:
    """Return an answer as lines: its headline, how far to trust it, and what it does not cover."""
    return lines("lines.j2", answer=answer)


def factor_text(ratio: float, interval: Interval | None) -> str:
    """Print how many times as fast or as slow, always as a number above 1: ``20`` for a ratio of 0.05."""
    return figure_text(ratio, interval) if ratio >= 1 else figure_text(1 / ratio, interval and interval.inverse())


def rate_text(bytes_per_s: float, interval: Interval | None) -> str:
    """Print a rate and its interval with one decimal prefix: ``22.1 GB/s, 21.9 to 22.3``."""
    factor, prefix = decimal_unit(bytes_per_s)
    value, ends = bytes_per_s / factor, interval and Interval(interval.low / factor, interval.high / factor)
    return f"{figure_text(value, ends)} {prefix}B/s{f', {interval_text(value, ends)}' if ends else ''}"


def span_text(findings: Iterable[Finding]) -> str:
    """Print the smallest and the largest factor of findings with the same verdict: ``17 to 22``."""
    ratios = [finding.ratio for finding in findings if finding.ratio]
    ends = sorted(ratios, key=lambda ratio: abs(math.log(ratio)))
    return " to ".join(dict.fromkeys(short_factor(ratio) for ratio in (ends[0], ends[-1])))


def short_factor(ratio: float) -> str:
    """Print a factor for a sentence, where no interval stands beside it: ``1.04``, ``1.6``, ``20``, ``1,200``."""
    return _short(ratio if ratio >= 1 else 1 / ratio)


def _short(value: float) -> str:
    return with_digits(value, 3 if 1 <= value < _NEAR else 2)


def size_text(size_bytes: float) -> str:
    """Print a size that was computed: three digits, with the largest unit that leaves one before the point."""
    unit, factor = next((pair for pair in _UNITS if size_bytes >= pair[1]), ("B", 1))
    value = size_bytes / factor
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f} {unit}"
