"""What every corpus must keep: its bytes are the published ones, its licence is named, its labels are all there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gliner_adapters.corpora import Corpus, CorpusInfo, corpus_info, find_file, load_corpus
from gliner_adapters.documents import ReadReport
from gliner_adapters.errors import ConfigError, GlinerAdaptersError
from gliner_adapters.testing.expecting import CheckFailed, expect, expect_refusal


@dataclass(frozen=True)
class CorpusCase:
    """A corpus.

    Attributes:
        name: of the registry, this package's or another's.
        data_dir: where its files lie, if they do not come with its package.
    """

    name: str
    data_dir: Path | None = None

    def __str__(self) -> str:
        return f"corpus {self.name!r}"

    @property
    def info(self) -> CorpusInfo:
        """What the registry knows of it."""
        return corpus_info(self.name)

    def load(self) -> Corpus:
        """The corpus, its files verified."""
        return load_corpus(self.name, data_dir=self.data_dir)


def check_entry(case: CorpusCase) -> None:
    """It is known by its name and aliases, has a title, a licence, papers if published, and labels that differ."""
    info = case.info
    expect(info.name == case.name, f"{case}: its canonical name is {info.name!r}")
    for alias in info.aliases:
        expect(corpus_info(alias).name == info.name, f"{case}: its alias {alias!r} is another corpus")
    expect(bool(info.title.strip()), f"{case}: it has no title")
    expect(bool(info.licence.name.strip()), f"{case}: it names no licence")
    expect(bool(info.citations) or info.source is None, f"{case}: it is published, and names no paper to cite")
    texts = [label.description for label in info.labels]
    expect(all(text.strip() for text in texts), f"{case}: a label has no description")
    expect(len(set(texts)) == len(texts), f"{case}: two labels have the same description")


def check_files(case: CorpusCase) -> None:
    """Each split's file is there with the pinned bytes, and a split that it does not have is refused."""
    info = case.info
    for split in info.splits:
        try:
            find_file(info, split, case.data_dir)
        except GlinerAdaptersError as error:
            raise CheckFailed(f"{case}: {error}") from error
    with expect_refusal(f"{case}: a split that it does not have", ConfigError):
        case.load().documents("no-such-split")


def check_documents(case: CorpusCase) -> None:
    """Each split is read without anything left out; ids tell documents apart; every label is used, and no other."""
    corpus, report, used = case.load(), ReadReport(), set()
    for split in corpus.splits:
        documents = list(corpus.read(split, report=report))
        expect(bool(documents), f"{case}: its {split} split is empty")
        ids = [document.id for document in documents]
        expect(len(set(ids)) == len(ids), f"{case}: two documents of its {split} split have the same id")
        for document in documents:
            for entity in document.entities:
                used.add(entity.label)
                mention = document.mention(entity)
                expect(mention == mention.strip(), f"{case}: the entity {mention!r} of {document.id} has white edges")
    expect(not report.skipped, f"{case}: {report.skipped} records cannot be read: {report.reasons[:1]}")
    names = {label.name for label in corpus.labels}
    expect(used == names, f"{case}: its entities have the labels {sorted(used)}, its description {sorted(names)}")


#: What every corpus must keep.
CORPUS_CHECKS: tuple[Callable[[CorpusCase], None], ...] = (check_entry, check_files, check_documents)


def check_corpus(name: str, data_dir: str | Path | None = None) -> int:
    """Run every check of :data:`CORPUS_CHECKS` on a corpus.

    Args:
        name: of the registry, this package's or another's.
        data_dir: where its files lie, if they do not come with its package.

    Returns:
        how many checks were run.

    Raises:
        CheckFailed: the first that fails.
        ConfigError: there is no such corpus, or its files are not here.
    """
    case = CorpusCase(name, None if data_dir is None else Path(data_dir))
    for check in CORPUS_CHECKS:
        check(case)
    return len(CORPUS_CHECKS)
