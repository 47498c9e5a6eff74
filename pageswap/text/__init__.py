"""Values to words: numbers, lists and levels as a person reads them."""
