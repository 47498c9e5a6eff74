"""The process that draws: Vega-Lite specifications in on stdin, SVG out on stdout, one JSON document a line.

It is run as a file of its own, so that JavaScript's engine starts while the report's process imports and computes.
"""

from __future__ import annotations

import json
import sys

import vl_convert

_TINY = {"mark": "point", "data": {"values": [{}]}, "width": 1, "height": 1}


def main() -> None:
    """Answer the lines ``{"svg": specification}`` and ``{"bundle": snippet}`` with one JSON string each, in order."""
    version = vl_convert.get_vegalite_versions()[-1]
    # The first drawing loads Vega; done before there is anything to draw, it costs the report nothing.
    vl_convert.vegalite_to_svg(_TINY, vl_version=version)
    for line in sys.stdin:
        wish = json.loads(line)
        if "bundle" in wish:
            text = vl_convert.javascript_bundle(wish["bundle"], vl_version=version)
        else:
            text = vl_convert.vegalite_to_svg(wish["svg"], vl_version=version)
        sys.stdout.write(json.dumps(text) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
