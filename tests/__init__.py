"""A package, so that benchmarks can share `tests.browser.lab`."""
