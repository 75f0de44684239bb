"""Reports as pages of HTML: one file, without scripts."""
