"""The parts of the page, one file each: what each shows of a run, as plain data."""
