"""What the site does beyond Sphinx: docstrings with typed items, lists of public names, links."""
