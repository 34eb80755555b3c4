"""Corpora: where they are, their splits, types and descriptions; known ones and the user's own."""

from gliner_adapters.corpora.checking import CheckReport, MendReport, check_documents, check_page, mend_documents
from gliner_adapters.corpora.corpus import Corpus
from gliner_adapters.corpora.fetch import FetchError, Retry, fetch_corpus
from gliner_adapters.corpora.info import CorpusInfo
from gliner_adapters.corpora.load import load_corpus, user_corpus
from gliner_adapters.corpora.packaged import PackagedCorpus
from gliner_adapters.corpora.places import DATA_VARIABLE, cache_dir, find_file
from gliner_adapters.corpora.registry import builtin_infos, corpus_info, corpus_infos
from gliner_adapters.corpora.splitting import split_documents
from gliner_adapters.corpora.stats import CorpusStats, Overlap, SplitStats, corpus_stats

__all__ = [
    "DATA_VARIABLE",
    "CheckReport",
    "Corpus",
    "CorpusInfo",
    "CorpusStats",
    "FetchError",
    "MendReport",
    "Overlap",
    "PackagedCorpus",
    "Retry",
    "SplitStats",
    "builtin_infos",
    "cache_dir",
    "check_documents",
    "check_page",
    "corpus_info",
    "corpus_infos",
    "corpus_stats",
    "fetch_corpus",
    "find_file",
    "load_corpus",
    "mend_documents",
    "split_documents",
    "user_corpus",
]
