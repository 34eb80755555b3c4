"""Getting a corpus: a registered one by name, a user's own from files or a folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from gliner_adapters.corpora.corpus import Corpus
from gliner_adapters.corpora.places import find_file
from gliner_adapters.corpora.registry import corpus_info, is_corpus, packaged_corpus, unknown_corpus
from gliner_adapters.documents import Labels, as_labels
from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.inputs import as_path

LABELS_FILE = "labels.json"
_STEMS = {"train": ("train",), "devel": ("devel", "dev"), "test": ("test",)}


def load_corpus(
    name_or_path: str | Path,
    *,
    data_dir: str | Path | None = None,
    columns: Sequence[str] = (),
    tag_names: Sequence[str] = (),
) -> Corpus:
    """Load a registered corpus by name, be it another package's, or a user's own from a folder of splits.

    Nothing is downloaded here. Registered files are verified against their checksums. A folder holds
    ``train.*``, ``devel.*`` (or ``dev.*``) and ``test.*``, or some of them, in any readable format, and
    optionally ``labels.json``: a JSON object of label names and descriptions (or ``null``).

    Args:
        name_or_path: a name or alias of the registry, or a folder. A registered name wins; write
            ``./name`` for a folder that is called the same.
        data_dir: where the registered corpora lie, if not where the environment or the cache has them.
        columns: what the columns of a folder's files are; see :func:`~gliner_adapters.documents.read_documents`.
        tag_names: names of tags that a folder's files give as numbers.

    Raises:
        PluginError: two packages have a corpus of this name, or that of another package cannot be loaded.
        ConfigError: unknown name, missing file (says how to fetch it), unclear folder, or columns or tag names of a
            registered corpus.
        DataError: a file's checksum is wrong, or ``labels.json`` is malformed.
    """
    as_path(name_or_path, "the corpus")
    if isinstance(name_or_path, str) and is_corpus(name_or_path):
        info = corpus_info(name_or_path)
        if columns or tag_names:
            raise ConfigError(
                f"the corpus {info.name} says itself what its files hold; leave columns and tag names out"
            )
        files = {split: find_file(info, split, data_dir) for split in info.splits}
        labels = {label.tag: label.label for label in info.labels}
        whole = None if info.abstracts is None else partial(load_corpus, info.abstracts, data_dir=data_dir)
        packaged = packaged_corpus(info)
        loader = None if packaged is None else packaged.loader
        return Corpus(info.name, files, labels=labels, info=info, format=info.format, abstracts=whole, loader=loader)
    path = Path(name_or_path)
    if path.is_dir():
        return _folder_corpus(path, columns, tag_names)
    if path.is_file():
        raise ConfigError(
            f"{path} is one file, and a corpus is splits: give a folder with train.*, devel.* and test.*, "
            "or name the files (--train FILE --devel FILE --test FILE; user_corpus() in Python)"
        )
    if isinstance(name_or_path, Path) or "/" in name_or_path:
        raise ConfigError(f"no folder {path}")
    raise unknown_corpus(name_or_path)


def user_corpus(
    train: str | Path | None = None,
    devel: str | Path | None = None,
    test: str | Path | None = None,
    *,
    labels: Labels | None = None,
    format: str | None = None,  # noqa: A002 - the readers' word for it
    columns: Sequence[str] = (),
    tag_names: Sequence[str] = (),
    name: str = "user",
) -> Corpus:
    """A corpus from the user's own files, any of the three splits.

    Args:
        train: file of the training split.
        devel: file of the development split.
        test: file of the test split.
        labels: label names as the files write them, with descriptions in a mapping (``None`` for none). If left out,
            the labels are those that the entities of train and devel carry (of test if there is nothing else),
            sorted by name, without descriptions.
        format: the format of all files; by their endings if ``None``.
        columns: what the columns of all files are; see :func:`~gliner_adapters.documents.read_documents`.
        tag_names: names of tags that all files give as numbers.
        name: what to call the corpus.

    Raises:
        ConfigError: no file given, one of them does not exist, or one serves as two splits.
    """
    given = {"train": train, "devel": devel, "test": test}
    files = {split: as_path(path, f"the {split} split") for split, path in given.items() if path is not None}
    if not files:
        raise ConfigError("a corpus needs at least one file: --train, --devel or --test")
    for split, path in files.items():
        if not path.exists():
            raise ConfigError(f"no file {path} for the {split} split")
    if len({path.resolve() for path in files.values()}) < len(files):
        raise ConfigError("one file is given for two splits; training, choice and test need different data")
    if labels is not None and not labels:
        raise ConfigError("labels are given but empty; name at least one, or leave them out")
    schema = None if labels is None else {label.name: label for label in as_labels(labels)}
    return Corpus(name, files, labels=schema, format=format, columns=columns, tag_names=tag_names)


def split_of(path: Path) -> str:
    """The split that a file's name says, ``devel`` for ``dev.tsv.gz``; its name without endings if it says none."""
    stem = path.name.split(".")[0]
    return next((split for split, stems in _STEMS.items() if stem.lower() in stems), stem)


def files_of_splits(paths: Sequence[str | Path]) -> dict[str, Path]:
    """The files that paths name, by the split that each is.

    Args:
        paths: files, or folders of documents, a split each; or one folder that holds splits.

    Raises:
        ConfigError: a path is missing, or two are the same split.
    """
    given = [as_path(path, "the data") for path in paths]
    if missing := next((path for path in given if not path.exists()), None):
        raise ConfigError(f"no file or folder {missing}")
    if len(given) == 1 and given[0].is_dir() and (held := splits_in(given[0])):
        return held
    found: dict[str, Path] = {}
    for path in given:
        split = split_of(path)
        if split in found:
            raise ConfigError(f"{found[split]} and {path} would both be the split {split!r}; give them other names")
        found[split] = path
    return found


def _folder_corpus(folder: Path, columns: Sequence[str], tag_names: Sequence[str]) -> Corpus:
    files = splits_in(folder)
    if not files:
        raise ConfigError(
            f"{folder} holds no train.*, devel.* (or dev.*) or test.* file; known corpora are listed by "
            "`gliner-adapters corpora list`"
        )
    labels = folder / LABELS_FILE
    return user_corpus(
        files.get("train"),
        files.get("devel"),
        files.get("test"),
        labels=_read_labels(labels) if labels.is_file() else None,
        columns=columns,
        tag_names=tag_names,
        name=folder.resolve().name,
    )


def splits_in(folder: Path) -> dict[str, Path]:
    """The files and folders of a folder whose names say a split.

    Raises:
        ConfigError: two could be the same split.
    """
    files: dict[str, Path] = {}
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for split, stems in _STEMS.items():
        found = [path for path in paths if path.name.split(".")[0] in stems]
        if len(found) > 1:
            names = " and ".join(path.name for path in found)
            raise ConfigError(f"{folder}: {names} could each be the {split} split; keep one, or name the files")
        if found:
            files[split] = found[0]
    return files


def _read_labels(path: Path) -> dict[str, str | None]:
    """A JSON object of label names and descriptions, checked."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        for name, count in Counter(name for name, _ in pairs).items():
            if count > 1:
                raise DataError(f"the label {name!r} stands there twice", path)
        return dict(pairs)

    try:
        data = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON: {error.msg}", path, error.lineno) from error
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8: {error.reason} at byte {error.start}", path) from error
    if not isinstance(data, dict) or not all(text is None or isinstance(text, str) for text in data.values()):
        raise DataError('expected an object such as {"cell line": "a population of cells ..."}', path)
    if not data:
        raise DataError("names no label; fill it in or remove it", path)
    return data
