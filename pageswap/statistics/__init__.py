"""Arrays to arrays: medians, intervals, tests and bootstraps; imports numpy and scipy, nothing of ours."""
