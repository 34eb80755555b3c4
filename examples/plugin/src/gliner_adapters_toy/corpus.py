"""A corpus of a few invented sentences: what is known of it stands in ``toy-trials.json``.

Its files are in the format ``inline``, which this package brings too. Files that no format reads take a function:
``PackagedCorpus(description, loader=read)``, where ``read`` makes documents of a file's path.
"""

from __future__ import annotations

from pathlib import Path

from gliner_adapters.corpora import PackagedCorpus

CORPUS = PackagedCorpus(Path(__file__).parent / "toy-trials.json")
