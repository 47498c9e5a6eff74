"""From stored trials to tables, ratios and words: the only importer of pandas and scipy."""
