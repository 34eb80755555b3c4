"""What each technique can do, found by attaching it to a base and looking, never typed by hand."""

from __future__ import annotations

from gliner_adapters.documents import Label
from gliner_adapters.methods import METHODS, attach
from gliner_adapters.model import Base

#: The labels that the techniques are attached with; the numbers of some depend on how many there are.
LABELS = (Label("chemical", "a substance with a defined composition"), Label("disease", "an illness or disorder"))


def capability_table(bases: list[Base]) -> str:
    """A Markdown table: what a technique trains on each base, and whether word vectors can be cached.

    Args:
        bases: one a column of parameter counts.
    """
    names = [f"trained on `{base.id}` ({base.architecture})" for base in bases]
    lines = ["| method | " + " | ".join(names) + " | ingredients | word vectors |"]
    lines.append("|---" * (len(bases) + 3) + "|")
    for name, method in sorted(METHODS.items()):
        cells, ingredients, cached = [], "", ""
        for base in bases:
            if base.architecture not in method.architectures:
                cells.append("not for this kind of base")
                continue
            adapter = attach(name, base, LABELS)
            trained = sum(p.numel() for p in adapter.trained().values())
            cells.append(f"{trained:,} ({100 * trained / base.parameters:.1f}%)")
            ingredients = ingredients or ", ".join(adapter.ingredients()) or "none"
            cached = "computed once" if adapter.leaves_text_alone(base) else "computed each time"
        lines.append(f"| `{name}` | " + " | ".join([*cells, ingredients, cached]) + " |")
    return "\n".join(lines) + "\n"
