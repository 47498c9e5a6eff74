"""The report: one self-contained HTML file; the only importer of jinja2 and vl_convert beside answers."""
