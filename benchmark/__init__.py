"""What only the project's developers measure: scripts on one harness, run as ``python -m benchmark.NAME``.

No part of the package, and not in its wheel. `make` has a target for each, `README.md` says which file it writes.
"""
