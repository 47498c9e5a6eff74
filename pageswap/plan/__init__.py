"""Makes an experiment into trials: which cases, in which order, with which schedule, at what cost."""
