"""The model card of a pretrained base, written from its `base.json` alone, so that it is always true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gliner_adapters.markdown import markdown_table
from gliner_adapters.model.embedded import CARD_FILE, BaseRecord
from gliner_adapters.storage import write_text

#: A base of so many parameters is called small no more.
SMALL = 100_000_000


def write_card(folder: Path) -> None:
    """Write a base's README.md from its `base.json`."""
    write_text(folder / CARD_FILE, base_card(BaseRecord.read(folder)))


def base_card(record: BaseRecord) -> str:
    """The text of a base's README.md."""
    blocks = [
        "---\nlibrary_name: gliner-adapters\npipeline_tag: token-classification\ntags:\n- gliner\n"
        "- named-entity-recognition\n- biomedical\nlanguage: en\n---",
        f"# {record.name}",
        _summary(record),
        "## Use",
        f'```python\nimport gliner_adapters as ga\n\nbase = ga.load_base("{record.name}")\n'
        'annotator = ga.Annotator(base, ["gene or protein", "disease", "chemical"])\n'
        'print(annotator.annotate(["Loss of TP53 makes tumours resistant to cisplatin."]))\n```',
        *_scores(record),
        *_training(record),
        *_data(record),
        "## Limits",
        _limits(record),
    ]
    return "\n\n".join(blocks) + "\n"


def _summary(record: BaseRecord) -> str:
    kind = (
        "labels and text have encoders of their own, so label vectors are computed once"
        if record.architecture == "bi"
        else "labels are read in the text, before it"
    )
    size = "small " if _is_small(record) else ""
    text = (
        f"A {size}{record.architecture}-encoder [GLiNER](https://github.com/urchade/GLiNER) for English biomedical "
        f"text: {kind}. It ships as the difference to `{record.encoder}` (sha256 `{record.encoder_sha256[:12]}`)"
    )
    if record.label_encoder is not None:
        digest = str(record.label_encoder_sha256)[:12]
        text += f" and, where labels are read, to `{record.label_encoder}` (sha256 `{digest}`)"
    if "delta_bytes" in record.trained_on:
        text += f": {record.trained_on['delta_bytes'] / 1e6:.1f} MB that stand for "
        text += f"{record.trained_on['parameters'] / 1e6:.1f}M parameters"
    return text + "."


def _is_small(record: BaseRecord) -> bool:
    return bool(record.trained_on.get("parameters", 0) < SMALL)


def _scores(record: BaseRecord) -> list[str]:
    """Zero-shot scores, one row a corpus and form of the weights."""
    if not record.scores:
        return []
    rows = []
    for score in record.scores:
        fixed, tuned, by_label = score["at_0.5"], score["tuned"], score.get("tuned_by_label")
        rows.append(
            [
                score["corpus"],
                score["weights"],
                f"{fixed['macro_f1']:.4f}",
                f"{fixed['micro_f1']:.4f}",
                f"{tuned['macro_f1']:.4f}",
                f"{tuned['micro_f1']:.4f}",
                f"{tuned['threshold']:.2f}",
                f"{by_label['macro_f1']:.4f}" if by_label else "",
            ]
        )
    head = ["corpus (test)", "weights", "macro F1 at 0.5", "micro F1 at 0.5", "macro F1 tuned", "micro F1 tuned"]
    intro = (
        "Exact spans on whole official test sets, label names alone, no sentence of these corpora seen in training. "
        "`shipped` is this base; `trained` every parameter trained, which it is the low-rank form of. Tuned: the "
        "threshold with the best macro F1 on devel, one for all labels or one for each."
    )
    return ["## Zero-shot scores", intro, markdown_table([*head, "threshold", "macro F1 tuned by label"], rows)]


def _training(record: BaseRecord) -> list[str]:
    """Recipe and compute."""
    trained = record.trained_on
    if not trained:
        return []
    recipe, full, further = trained["recipe"], trained["full"], trained["low_rank"]
    later = trained.get("full_stages", [])
    lines = [
        f"Recipe `{recipe['name']}`: {full['sentences']:,} sentences in {full['steps']:,} steps, every parameter "
        f"trained from `{recipe['warm_start'] or recipe['encoder']}`; learning rates "
        + ", ".join(f"{name} {rate:g}" for name, rate in recipe["training"]["learning_rates"].items())
        + "; binary cross-entropy over all spans and known labels."
    ]
    lines += [f"Then on {stage['sentences']:,} more sentences in {stage['steps']:,} steps." for stage in later]
    shipping = recipe["shipping"]
    ranks = f"rank {shipping['text_rank']} (text encoder)"
    if record.architecture == "bi":
        ranks += f", {shipping['label_rank']} (label encoder)"
    own = shipping.get("label_embedding_rank")
    embeddings = f"{shipping['embedding_rank']}" + (f" and {own}" if own is not None else "")
    stored = "large matrices as bytes with a scale a row, the rest" if shipping.get("numbers") == "int8" else "all"
    lines.append(
        f"The difference was then projected to {ranks} and {embeddings} (word embeddings); heads, biases and norms "
        f"ship as they are; {stored} in float16."
    )
    lines += [
        f"That form was trained on {stage['sentences']:,} more sentences in {stage['steps']:,} steps."
        for stage in further
    ]
    stages = [full, *later, *further]
    seconds = " + ".join(f"{stage['cost']['seconds'] / 60:.0f}" for stage in stages)
    lines.append(
        f"Compute: {seconds} min on {full['device']}; peak memory {full['cost']['peak_memory_mb'] / 1000:.1f} GB."
    )
    lines.append(f"Command: `{stages[-1]['command']}`, at the commits {', '.join(_commits(stages))}.")
    lost = ", ".join(f"{kind} {100 * share:.0f}%" for kind, share in trained["left_out_by_ranks"].items())
    lines.append(f"Share of the squared difference that the ranks leave out: {lost}.")
    lines += record.notes
    return ["## Training", "\n".join(f"- {line}" for line in lines)]


def _commits(stages: list[dict[str, Any]]) -> list[str]:
    """The commits that the stages ran at, each once, in their order."""
    return [f"`{commit}`" for commit in dict.fromkeys(str(stage["commit"]) for stage in stages)]


def _data(record: BaseRecord) -> list[str]:
    """Corpora, licences and attribution, and what was left out."""
    corpora = record.trained_on.get("corpora", [])
    if not corpora:
        return []
    rows = [
        [c["name"], f"{c['sentences']:,}", f"{c['drawn']:,}", f"{sum(c['mentions'].values()):,}", c["licence"]]
        for c in corpora
    ]
    held_out = record.trained_on["recipe"]["held_out"]
    in_windows = sum(c.get("drawn_in_windows", 0) for c in corpora)
    windows = (
        f" Of those drawn, {in_windows:,} stood in windows of several sentences of their document."
        if in_windows
        else ""
    )
    removed = [
        f"- {c['name']}: " + "; ".join(f"{count:,} {reason}" for reason, count in sorted(c["left_out"].items()))
        for c in corpora
        if c["left_out"]
    ]
    lost = [
        f"- {c['name']}: " + "; ".join(f"{count:,} {reason}" for reason, count in sorted(c["lost_mentions"].items()))
        for c in corpora
        if c["lost_mentions"]
    ]
    alike = sorted({c["name"] for c in corpora if "-SA" in c["licence"]})
    blocks = [
        "## Data",
        "Training splits alone. Sentences: after filtering; drawn: how often sentences were drawn in the main stage."
        + windows,
        markdown_table(["corpus", "sentences", "drawn", "mentions", "licence"], rows),
        f"Never trained on: {', '.join(held_out)}. Sentences that stand there too, or share twelve words in a row "
        "with one there, were removed from the corpora above, with the other sentences that were left out:",
        "\n".join(removed),
    ]
    if lost:
        blocks += ["Mentions that could not be learnt:", "\n".join(lost)]
    if alike:
        blocks.append(f"Share-alike terms (CC BY-SA) hold for: {', '.join(alike)}.")
    blocks += ["### Attribution", "\n".join(f"- **{c['name']}**: {' '.join(c['citations'])}" for c in corpora)]
    return blocks


def _limits(record: BaseRecord) -> str:
    lines = [
        f"Spans of at most {record.limits['max_width']} words; English; trained on abstracts, article sentences and "
        "figure captions.",
        f"Texts are read by {record.segment}, as in pretraining, unless something else is asked for (`segment`).",
        f"{'A small model: it' if _is_small(record) else 'It'} finds common biomedical types by name, and is meant to "
        "be adapted. Types that the corpora hardly name (RNA, for one) are found badly zero-shot.",
        "Not for clinical decisions.",
    ]
    return "\n".join(f"- {line}" for line in lines)
