"""What pages of a site share: one copy, named by what it holds, and a page that asks for nothing else."""

from __future__ import annotations

from pageswap.publish.site_files import file_of, is_whole, kept_file, linked, shared_files

PAGE = b"""<!DOCTYPE html><head><meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src \
'sha256-abc' ; style-src 'unsafe-inline'; img-src data:"><style>
body { color: red }</style></head><body><p>Run. <span class="alone">This page holds all it needs.</span></p>\
<script type="application/json">{"a": 1}</script><script>one()</script><script>two()</script></body>"""


def test_scripts_and_styles_are_asked_for_by_what_they_hold() -> None:
    """From wherever the page is; data stays in it, and the policy allows the site's own files alone."""
    page, shared = linked(PAGE, "runs/demo/1/report.html")
    text = page.decode()

    assert sorted(shared.values()) == [b"\nbody { color: red }", b"one()", b"two()"]
    for path in shared:
        assert f'"../../../{path}"' in text
    assert '<script type="application/json">{"a": 1}</script>' in text
    assert "script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:" in text
    assert "sha256" not in text
    assert "holds all it needs" not in text
    assert text.count("<script src=") == 2
    places = [text.index(path) for path, held in shared.items() if held in (b"one()", b"two()")]
    assert places == sorted(places)


def test_a_page_without_any_is_what_it_was() -> None:
    """To the byte; so is one that is cut in the middle of a script."""
    for page in (b"<!DOCTYPE html>report", b"<style>unfinished"):
        assert linked(page, "a/b.html") == (page, {})


def test_the_same_script_is_one_file() -> None:
    """For whichever page."""
    names = [set(linked(PAGE, path)[1]) for path in ("atlas.html", "histories/demo.html")]

    assert names[0] == names[1]


def test_what_the_site_has_is_kept_and_what_it_lacks_is_sent() -> None:
    """By the name a damaged one is told."""
    _, shared = linked(PAGE, "atlas.html")
    first, second, third = sorted(shared)
    hashes = {path: file_of(path, content).sha256 for path, content in shared.items()}

    assert is_whole(first, hashes)
    assert not is_whole(first, {first: "0" * 64})
    found = list(shared_files([second, first, first, third], {first: shared[first]}, {second: hashes[second]}))
    assert found == [file_of(first, shared[first]), kept_file(second, hashes[second])]
