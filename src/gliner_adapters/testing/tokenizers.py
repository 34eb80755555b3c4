"""Tokenizers for tiny bases, trained on the spot from a few sentences: one of each kind that encoders use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

#: What the tokenizers know, and what tiny bases are asked about.
TEXTS = (
    "Aspirin-induced asthma was treated with prednisone in 12 patients.",
    "HeLa cells grew.",
    "Naloxone reverses the antihypertensive effect of clonidine (0.2 mg/kg), but not in anaesthetised rats.",
    "Asthma",
    "The K562 and Jurkat cell lines were exposed to cisplatin, methotrexate and 5-fluorouracil for 24 h.",
    "Patients with renal failure received lithium; two of them had tremor.",
    "Unlike <<ENT>> markers, hepatitis is a disease [SEP] of the liver!",
)

_CORPUS = (*TEXTS, "a drug that is used against a disease of the cells of the body in culture such as line")


def _pieces(words: Iterable[str], count: int) -> list[str]:
    """All characters of the words and their most common stretches.

    The trainers of `tokenizers` break ties by chance, and a base must be the same in every run.
    """
    words = list(words)
    stretches = Counter(
        word[i:j] for word in words for i in range(len(word)) for j in range(i + 2, min(i + 7, len(word) + 1))
    )
    common = sorted(stretches, key=lambda piece: (-stretches[piece] * len(piece), piece))
    return sorted({character for word in words for character in word}) + common[:count]


def _bert_tokenizer(
    positions: int, special: tuple[str, ...] = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
) -> PreTrainedTokenizerFast:
    """WordPiece, as BERT uses it: lower case, control characters dropped."""
    pieces = _pieces(" ".join(_CORPUS).lower().split(), 60)
    vocabulary = [*special, *pieces, *("##" + piece for piece in pieces)]
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=10_000))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return _wrapped(tokenizer, positions)


def _mpnet_tokenizer(positions: int) -> PreTrainedTokenizerFast:
    """BERT's, with the padding token at the index that MPNet takes for it."""
    return _bert_tokenizer(positions, ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"))


def _unigram_tokenizer(positions: int) -> PreTrainedTokenizerFast:
    """Unigram pieces with a mark at the beginning of words, as DeBERTa-v3 uses them."""
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    pieces = _pieces(("▁" + word for word in " ".join(_CORPUS).split()), 120)
    scored = [(piece, 0.0) for piece in special] + [(piece, -8.0 + len(piece)) for piece in pieces]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return _wrapped(tokenizer, positions)


def _bytes_tokenizer(positions: int) -> PreTrainedTokenizerFast:
    """Byte pairs, as ModernBERT uses them: no character is unknown."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    return _wrapped(tokenizer, positions)


def _wrapped(tokenizer: Tokenizer, positions: int) -> PreTrainedTokenizerFast:
    ends = [("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=positions,
    )


#: Makes a tokenizer for so many positions, by the kind of encoder.
TOKENIZERS: dict[str, Callable[[int], PreTrainedTokenizerFast]] = {
    "bert": _bert_tokenizer,
    "deberta-v2": _unigram_tokenizer,
    "modernbert": _bytes_tokenizer,
    "mpnet": _mpnet_tokenizer,
}
