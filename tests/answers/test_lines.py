"""An answer in plain text: the headline, how far to trust it, what it does not cover; no name is broken in two."""

from __future__ import annotations

from pageswap.answers.lines import answer_as_text, answer_lines
from pageswap.answers.record import Answer, Caveat, Reason, Trust
from tests.answers.answered import ONE, answered
from tests.fake_run import make_run


def test_the_headline_stands_first_and_trust_beside_it() -> None:
    """A line each."""
    trust = Trust("doubtful", (Reason("steal", "time was stolen"), Reason("few_blocks", "there were few")))
    answer = Answer("faster", "no", "a was slower", trust, (), (Caveat("unfinished", "Not finished."),))

    assert answer_lines(answer) == ["a was slower", "Trust: doubtful: time was stolen; there were few", "Not finished."]


def test_lines_are_broken_at_blanks_only() -> None:
    """A method, a host and a region stay whole, however long they are."""
    host = "host-" + "x" * 90
    answer = answered(make_run(hosts=(host, "other-host-name"), **ONE))
    long = Answer("faster", "no", f"{host} {'mremap_fixed ' * 12}128MiB", answer.trust)
    lines = answer_as_text(long).splitlines()

    assert lines[0] == host
    assert all(len(line) <= 80 for line in lines[1:])
    assert " ".join(lines).split() == " ".join(answer_lines(long)).split()
