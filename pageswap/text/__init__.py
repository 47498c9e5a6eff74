"""Values to words: numbers, lists, levels and conditions as a person reads them."""
