"""The machines that are measured: what readies them, over the ways to reach them."""
