"""The whole way of a run: plan times targets into the store, kept going through whatever happens on the way."""
