"""Training data: what is held out, what is left out, and which types are known where."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gliner_adapters.corpora import Corpus, load_corpus
from gliner_adapters.documents import Document, Entity, joined_spans
from gliner_adapters.model import Base, Passage
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.pretraining import Recipe
from gliner_adapters.pretraining.data import (
    Source,
    gold_words,
    passage_text,
    read_source,
    read_sources,
)
from gliner_adapters.pretraining.held_out import SHARED_WORDS, HeldOut
from gliner_adapters.pretraining.recipe import LABELS
from pretraining.helpers import content, made_corpus, recipe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EQUAL = "stands in a held-out corpus"
SHARED = f"shares {SHARED_WORDS} words in a row with a held-out corpus"


def tokenised(text: str) -> Document:
    """A sentence as an IOB2 corpus has it: words with blanks between them."""
    words = text.split()
    return Document(" ".join(words), words=joined_spans(words))


def words_of(base: Base, passage: Passage) -> list[str]:
    """The words of a passage, from its sub-tokens: the base's tokenizer works on bytes and loses nothing."""
    ends = passage.starts[1:].tolist()
    pieces = [passage.ids[a:b].tolist() for a, b in zip(passage.starts.tolist(), ends, strict=False)]
    return [base.text_tokens.tokenizer.decode(piece, clean_up_tokenization_spaces=False) for piece in pieces]


def letters(text: str) -> str:
    """Letters and digits of a text; written otherwise than in the package, so that the two can disagree."""
    return "".join(c for c in text.casefold() if c.isalnum())


# What is held out

SENTENCE = "Vosarin-induced nephritis was seen in 3 of 40 rats (7.5%)."
SAME = {
    "itself": SENTENCE,
    "case": SENTENCE.upper(),
    "no punctuation": "Vosarin induced nephritis was seen in 3 of 40 rats 7 5",
    "other punctuation": "“Vosarin–induced nephritis” was seen, in 3 of 40 rats [7·5 %]!",
    "tokens": "Vosarin - induced nephritis was seen in 3 of 40 rats ( 7.5 % ) .",
    "cut tokens": "Vosarin -induced neph ritis was seen in 3 of 40 rats ( 7 . 5 % ) .",
    "white space": "  Vosarin-induced\tnephritis was\nseen in 3 of  40 rats (7.5%) .",
    "underscores": "Vosarin_induced nephritis was seen in 3 of 40 rats (7.5%).",
}


@pytest.mark.parametrize("how", SAME)
def test_the_same_sentence_is_held_out_however_it_is_written(how: str) -> None:
    assert HeldOut([Document(SENTENCE)]).reason(SAME[how]) == EQUAL
    assert HeldOut([tokenised(SAME[how])]).reason(SENTENCE) == EQUAL


LONG = (
    "After two weeks of treatment with vosarin the serum level of troponin had doubled in most animals, "
    "whereas the untreated controls showed no change."
)
ROW = "of treatment with vosarin the serum level of troponin had doubled in"  # twelve words
SHARING = {
    "begins with it": "After two weeks of treatment with vosarin the serum level of troponin fell.",
    "ends with it": "We saw that of treatment with vosarin the serum level of troponin had doubled in",
    "holds it": f"In a cohort {ROW} all patients.",
    "half of it": LONG.split(", ")[0] + ".",
    "more than it": f"Methods: mice were fed. {LONG} Nothing else was found.",
    "other case and punctuation": f"({ROW.upper().replace(' ', '-')})?",
}
OTHER = {
    "nothing in common": "Lithium is excreted by the kidney.",
    "a phrase": "The serum level of troponin had doubled in patients.",
    "a short sentence within": "The untreated controls showed no change.",
    "eleven in a row": f"In a cohort {ROW.removesuffix(' in')} for all patients.",
    "eleven, and the others later": f"In a cohort {ROW.removesuffix(' in')} and most animals in two weeks.",
    "all words, turned": " ".join(reversed(LONG.split())),
    "every second word": " ".join(LONG.split()[::2]),
    "another number": SENTENCE.replace("40", "41"),
    "no words": "...",
    "nothing": "",
}


def test_the_row_has_as_many_words_as_count() -> None:
    assert ROW in LONG
    assert len(ROW.split()) == SHARED_WORDS


@pytest.mark.parametrize("how", SHARING)
def test_a_sentence_that_shares_a_row_of_words_is_held_out(how: str) -> None:
    held = HeldOut([Document("A short one."), tokenised(LONG)])
    assert held.reason(SHARING[how]) == SHARED


@pytest.mark.parametrize("how", OTHER)
def test_other_sentences_are_not_held_out(how: str) -> None:
    assert HeldOut([Document(LONG), tokenised(SENTENCE)]).reason(OTHER[how]) is None


def test_nothing_is_held_out_by_nothing() -> None:
    assert HeldOut([]).reason(LONG) is None


def test_no_row_of_words_runs_from_one_document_into_the_next() -> None:
    first, second = LONG.split()[:10], LONG.split()[10:]
    held = HeldOut([Document(" ".join(first)), Document(" ".join(second[:10]))])
    assert held.reason(LONG) is None


# One corpus, filtered


def made(text: str, *mentions: str, identifier: str | None = None) -> Document:
    """A document with its mentions, written ``C:vosarin``, each marked wherever it stands."""
    entities = []
    for mention in mentions:
        tag, words = mention.split(":")
        start = text.find(words)
        while start >= 0:
            entities.append(Entity(start, start + len(words), tag))
            start = text.find(words, start + 1)
    return Document(text, sorted(entities, key=lambda e: e.key), identifier)


def read_made(
    corpus: Corpus, base: Base, held: Iterable[str] = (), abstracts: Iterable[str] = (), **sampling: Any
) -> Source:
    texts = {"C": {"names": ["chemical"]}, "D": {"names": ["disease"]}}
    labels = {**content()["labels"], "made": texts}
    own = recipe(labels=labels, sampling={"most_tokens": 400, **sampling})
    return read_source(corpus, own, base, HeldOut(Document(text) for text in held), set(abstracts))


def kept_texts(base: Base, source: Source) -> list[str]:
    return [letters("".join(words_of(base, each))) for each in source.passages]


def test_everything_that_is_left_out_is_counted_by_its_reason(tmp_path: Path, reader: Base) -> None:
    documents = [
        made("Vosarin cured the colitis.", "C:Vosarin", "D:colitis"),
        made(SENTENCE.lower(), "C:vosarin"),
        made(SHARING["holds it"], "C:vosarin"),
        made("VOSARIN cured the colitis!", "C:VOSARIN"),
        made("vosarin - cured the colitis", "C:vosarin"),
        made("Vosarin wins", "C:Vosarin"),
        made("Nothing was found " + "anywhere " * 60, "C:Nothing"),
        made("No drug was given here."),
    ]
    source = read_made(made_corpus(tmp_path, documents), reader, held=[SENTENCE, LONG], most_tokens=200)
    assert source.left_out == Counter(
        {
            EQUAL: 1,
            SHARED: 1,
            "repeats another sentence": 2,
            "has fewer than three words": 1,
            "has more than 200 sub-tokens": 1,
        }
    )
    assert kept_texts(reader, source) == [letters(documents[0].text), letters(documents[-1].text)]
    assert source.known == [(0, 1), (0, 1)]
    assert len(source.passages) + source.left_out.total() == len(documents)


def test_a_long_document_is_filtered_sentence_by_sentence(tmp_path: Path, reader: Base) -> None:
    text = f"Vosarin is new here. {SENTENCE} The colitis went away. Vosarin is new, here."
    source = read_made(made_corpus(tmp_path, [made(text, "C:Vosarin", "D:colitis")]), reader, held=[SENTENCE])
    assert kept_texts(reader, source) == ["vosarinisnewhere", "thecolitiswentaway"]
    assert [each.spans for each in source.passages] == [[(0, 0, 0)], [(1, 1, 1)]]
    assert source.left_out == Counter({EQUAL: 1, "repeats another sentence": 1})


def test_what_was_left_out_is_no_repetition(tmp_path: Path, reader: Base) -> None:
    documents = [made("No drug here."), made("No drug here."), made(SENTENCE), made(SENTENCE)]
    source = read_made(made_corpus(tmp_path, documents), reader, held=[SENTENCE])
    assert source.left_out == Counter({EQUAL: 2, "repeats another sentence": 1})


def test_mentions_that_cannot_be_learnt_are_counted(tmp_path: Path, reader: Base) -> None:
    width = reader.max_width
    wide = " ".join(["severe"] * width) + " colitis"
    text = f"He had {wide} once. The word vosarin. Then came more of it."
    start = text.index("vosarin")
    across = Entity(start, text.index("Then") + 4, "C")
    document = Document(text, [Entity(7, 7 + len(wide), "D"), across])
    source = read_made(made_corpus(tmp_path, [document]), reader)
    assert source.lost_mentions == Counter({"too wide": 1, "across": 1})
    assert not source.left_out
    assert len(source.passages) == 3
    assert source.mentions() == [0, 0]


def test_types_are_known_everywhere_in_a_corpus_that_is_marked_fully(tmp_path: Path, reader: Base) -> None:
    documents = [made("Vosarin was given daily.", "C:Vosarin"), made("Nothing was given daily.")]
    source = read_made(made_corpus(tmp_path, documents), reader)
    assert source.known == [(0, 1), (0, 1)]


def test_in_a_corpus_marked_partially_a_type_is_known_where_its_document_mentions_it(
    tmp_path: Path, reader: Base
) -> None:
    documents = [
        made("Vosarin was given daily. The rats did not mind.", "C:Vosarin"),
        made("Their colitis went away. Nothing was given then. It was vosarin.", "D:colitis", "C:vosarin"),
        made("No drug was given here. The rats slept well."),
        made("The colitis came back.", "D:colitis"),
    ]
    source = read_made(made_corpus(tmp_path, documents, fully_annotated=False), reader)
    assert source.known == [(0,), (0,), (0, 1), (0, 1), (0, 1), (1,)]
    assert source.left_out == Counter({"no type is known in its document": 2})
    assert source.mentions() == [2, 2]


def test_abstracts_of_held_out_corpora_are_left_out_by_their_ids(tmp_path: Path, reader: Base) -> None:
    """Whatever their text is: another version of the abstract, say."""
    first = made("Vosarin cured the colitis.\nIt was given daily. The rats slept.", "C:Vosarin", identifier="101")
    second = made("A study of vosarin.\nThe colitis came back.", "D:colitis", identifier="102")
    corpus = made_corpus(tmp_path, [first, second], kind="pubtator")
    source = read_made(corpus, reader, abstracts=["101", "7"])
    assert source.left_out == Counter({"in an abstract of a held-out corpus": 3})
    assert kept_texts(reader, source) == ["astudyofvosarin", "thecolitiscameback"]


def test_ids_mean_abstracts_in_pubtator_alone(tmp_path: Path, reader: Base) -> None:
    """The documents of other formats are numbered, and a number is no abstract."""
    corpus = made_corpus(tmp_path, [made("Vosarin cured the colitis.", "C:Vosarin", identifier="101")])
    source = read_made(corpus, reader, abstracts=["101", "1"])
    assert (len(source.passages), source.left_out) == (1, Counter())


def test_the_text_of_a_passage_is_what_its_words_cover(reader: Base) -> None:
    """Also where an entity has split a word, which moves the numbers of all words after it."""
    text = "The vosarin-free rats. Their (colitis) went away!"
    document = Document(text, [Entity(4, 11, "chemical")])
    passages = Segmenter(reader, load_corpus("sample").labels).passages([document], gold=True)
    assert [passage_text(document, gold_words(document), each) for each in passages] == [
        "The vosarin-free rats.",
        "Their (colitis) went away!",
    ]
    assert passages[0].spans == [(1, 1, 0)]
    tokens = tokenised("Their ( colitis ) went away !")
    (whole,) = Segmenter(reader, load_corpus("sample").labels).passages([tokens], gold=True)
    assert passage_text(tokens, gold_words(tokens), whole) == tokens.text


# Windows


def windows_of(
    tmp_path: Path, reader: Base, text: str, *mentions: str, held: Iterable[str] = (), **sampling: Any
) -> Any:
    corpus = made_corpus(tmp_path, [made(text, *mentions)])
    source = read_made(corpus, reader, held, **{"window_share": 0.5, **sampling})
    assert source.windows is not None
    return source, source.windows


def test_neighbouring_sentences_make_a_window(tmp_path: Path, reader: Base) -> None:
    text = "Vosarin is new here. We gave vosarin daily. Nil. The colitis went away."
    source, windows = windows_of(tmp_path, reader, text, "C:Vosarin", "C:vosarin", "D:colitis")
    (whole,) = windows.passages
    assert letters("".join(words_of(reader, whole))) == letters(text)
    assert windows.sizes == [4], "the short one goes along"
    assert len(source.passages) == 3
    assert [letters(words_of(reader, whole)[first]) for first, _, _ in whole.spans] == ["vosarin", "vosarin", "colitis"]
    assert [label for _, _, label in whole.spans] == [0, 0, 1]
    # It is what the document gives when it is read as one input.
    (read,) = Segmenter(reader, load_corpus("sample").labels, "window").passages([Document(text)])
    assert (whole.ids.tolist(), whole.starts.tolist(), whole.window) == (
        read.ids.tolist(),
        read.starts.tolist(),
        read.window,
    )


def test_no_window_holds_what_is_held_out(tmp_path: Path, reader: Base) -> None:
    text = f"Vosarin is new here. It was given daily. {SENTENCE} The colitis went away. The rats were fine."
    source, windows = windows_of(tmp_path, reader, text, held=[SENTENCE])
    assert kept_texts(reader, windows) == ["vosarinisnewhereitwasgivendaily", "thecolitiswentawaytheratswerefine"]
    assert source.left_out == Counter({EQUAL: 1})


def test_two_harmless_sentences_may_not_stand_together(tmp_path: Path, reader: Base) -> None:
    """Twelve words in a row that only their neighbourhood makes."""
    first, second = "All rats got vosarin in water daily.", "None of them had any colitis then."
    held = "We write: all rats got vosarin in water daily, none of them had any other disease."
    source, windows = windows_of(tmp_path, reader, f"{first} {second}", held=[held])
    assert len(source.passages) == 2
    assert not source.left_out
    assert not windows.passages
    assert windows.left_out == Counter({SHARED: 1})


def test_windows_are_no_longer_than_asked_for(tmp_path: Path, reader: Base) -> None:
    text = " ".join(f"Vosarin was given to rat {number} today." for number in range(30))
    _, windows = windows_of(tmp_path, reader, text, window_tokens=100)
    assert len(windows.passages) > 3
    assert all(each.ids.size <= 100 for each in windows.passages)
    assert sum(windows.sizes) in (29, 30), "one sentence alone at the end is no window"


def test_without_a_share_there_are_none(tmp_path: Path, reader: Base) -> None:
    corpus = made_corpus(tmp_path, [made("Vosarin is new here. We gave it daily.", "C:Vosarin")])
    assert read_made(corpus, reader).windows is None


# Registered corpora


def test_a_registered_corpus_is_read_with_the_recipes_texts(reader: Base) -> None:
    own = recipe(sampling={"most_tokens": 400})
    (source,) = read_sources(own, reader)
    corpus = load_corpus("sample")
    assert source.name == "sample"
    assert source.texts == [own.labels["sample"][corpus.tag_of(label.name)] for label in corpus.labels]
    assert set(source.known) == {(0, 1, 2, 3)}
    expected = Counter(
        (letters(document.mention(entity)), entity.label)
        for document in corpus.documents("train")
        for entity in document.entities
    )
    found = Counter(
        (letters("".join(words_of(reader, each)[first : last + 1])), corpus.labels[label].name)
        for each in source.passages
        for first, last, label in each.spans
    )
    assert found == expected
    assert source.mentions() == [sum(n for (_, name), n in expected.items() if name == t.name) for t in corpus.labels]


def from_registry(corpora: Sequence[str], held_out: Sequence[str]) -> Recipe:
    labels = tomllib.loads(LABELS.read_text(encoding="utf-8"))
    return recipe(corpora=corpora, held_out=held_out, labels=labels, sampling={"most_tokens": 4000})


def held_out_texts(name: str, data_dir: Path) -> set[str]:
    corpus = load_corpus(name, data_dir=data_dir)
    return {letters(document.text) for split in corpus.splits for document in corpus.documents(split)} - {""}


@pytest.mark.corpora
def test_no_sentence_of_a_held_out_corpus_is_trained_on(data_dir: Path, reader: Base) -> None:
    forbidden = held_out_texts("bc5cdr", data_dir)
    sources = read_sources(from_registry(["bionlp13pc", "biored"], ["bc5cdr"]), reader, data_dir)
    for source in sources:
        assert len(source.passages) > 2000
        assert forbidden.isdisjoint(kept_texts(reader, source))
    filtered = sources[1]
    assert filtered.name == "biored"
    assert filtered.left_out[EQUAL] > 100
    # With nothing held out the same corpus does hold such sentences, so the check above can fail.
    (whole,) = read_sources(from_registry(["biored"], []), reader, data_dir)
    assert len(forbidden & set(kept_texts(reader, whole))) > 100
    gone = len(whole.passages) - len(filtered.passages)
    assert 100 < gone <= filtered.left_out[EQUAL] + filtered.left_out[SHARED]


@pytest.mark.corpora
def test_abstracts_that_two_corpora_share_are_left_out_whole(data_dir: Path, reader: Base) -> None:
    own = from_registry(["biored"], ["bc5cdr-pubtator"])
    (source,) = read_sources(own, reader, data_dir)
    abstracts = load_corpus("bc5cdr-pubtator", data_dir=data_dir)
    known = {document.id for split in abstracts.splits for document in abstracts.documents(split)}
    shared = [d for d in load_corpus("biored", data_dir=data_dir).documents("train") if d.id in known]
    assert len(shared) > 10
    expected = Segmenter(reader, load_corpus("biored", data_dir=data_dir).labels).passages(shared, gold=True)
    assert source.left_out["in an abstract of a held-out corpus"] == len(expected)
    gone = {letters("".join(words_of(reader, each))) for each in expected if each.words > 6}
    assert gone.isdisjoint(kept_texts(reader, source))
