"""The page as a whole: what it holds, its templates, and the file it becomes; the index of a site, too."""
