"""An annotator finds the same in every exact runtime, whichever way it reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.helpers import Tiny, trained_adapter
from annotate.helpers import assert_same, family
from bases import LABELS, TEXTS, free
from cli.conftest import Cli, cli  # noqa: F401 - a fixture
from gliner_adapters.adapters import save_adapter
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.errors import ConfigError
from gliner_adapters.runtimes import Runtime
from gliner_adapters.runtimes.sessions import GraphTransformer

pytest.importorskip("onnxruntime")

DOCUMENTS = free([*TEXTS, " ".join(TEXTS)])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where graphs are kept in a test."""
    monkeypatch.setattr("gliner_adapters.runtimes.cache.cache_dir", lambda: tmp_path / "graphs")
    return tmp_path / "graphs"


@pytest.mark.parametrize(("runtime", "name"), [("onnx", "bi-bert"), ("onnx", "uni-bert"), ("openvino", "bi-bert")])
def test_both_ways_of_reading_find_what_torch_finds(runtime: Runtime, name: str, tiny: Tiny) -> None:
    """One set of labels, and adapters of all kinds at once."""
    pytest.importorskip("openvino" if runtime == "openvino" else "onnxruntime")
    base = tiny(name).base
    expected = Annotator(base, LABELS, threshold=0.4).annotate(DOCUMENTS)
    assert sum(len(document.entities) for document in expected) > 5
    found = Annotator(base, LABELS, threshold=0.4, runtime=runtime).annotate(DOCUMENTS)
    for read, own in zip(found, expected, strict=True):
        assert_same(read, own)
    adapters = family(base)
    requests = [Request(document, tuple(adapters), LABELS) for document in DOCUMENTS]
    in_torch = Annotator(base, adapters=adapters).read(requests)
    for one, other in zip(Annotator(base, adapters=adapters, runtime=runtime).read(requests), in_torch, strict=True):
        for here, there in zip(one.found, other.found, strict=True):
            assert [e.key for e in here.entities] == [e.key for e in there.entities]


@pytest.mark.parametrize(("name", "prompted"), [("uni-bert", "cross"), ("bi-bert", "keys")])
def test_a_runtime_reads_what_has_no_prompts(
    name: str, prompted: str, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where others of the same batch have prompts, which torch reads."""
    base = tiny(name).base
    annotator = Annotator(base, adapters=family(base), runtime="onnx")
    rows: list[int] = []
    encode = GraphTransformer.__call__

    def counted(self: GraphTransformer, input_ids: Any, attention_mask: Any) -> Any:
        rows.append(len(input_ids))
        return encode(self, input_ids, attention_mask)

    monkeypatch.setattr(GraphTransformer, "__call__", counted)
    annotator.read([Request(document, (prompted,)) for document in DOCUMENTS])
    assert rows == []
    annotator.read([Request(document, (prompted,), LABELS) for document in DOCUMENTS])
    assert sum(rows) >= len(DOCUMENTS)


def test_adapters_of_labels_share_the_bases_graph(tiny: Tiny, cache: Path) -> None:
    base = tiny("bi-bert").base
    for method in ("label-embeddings", "injection-bi", "heads"):
        trained = trained_adapter(base, method)
        found = Annotator(trained, runtime="onnx").annotate(DOCUMENTS)
        for read, own in zip(found, Annotator(trained).annotate(DOCUMENTS), strict=True):
            assert_same(read, own)
    assert len(list(cache.iterdir())) == 1
    Annotator(trained_adapter(base, "full"), runtime="onnx")
    assert len(list(cache.iterdir())) == 2


def test_what_a_runtime_cannot_read_is_refused_at_once(tiny: Tiny) -> None:
    base = tiny("bi-bert").base
    with pytest.raises(ConfigError, match=r"prompts in the text encoder .* use runtime 'torch'"):
        Annotator(trained_adapter(base, "injection-deep"), runtime="onnx")
    with pytest.raises(ConfigError, match="runtime 'onnx' has no bf16"):
        Annotator(base, LABELS, precision="bf16", runtime="onnx")
    with pytest.raises(ConfigError, match="unknown runtime 'tensorrt'"):
        Annotator(base, LABELS, runtime="tensorrt")  # type: ignore[arg-type]


def test_the_command_reads_in_a_runtime(tiny: Tiny, cli: Cli, tmp_path: Path) -> None:  # noqa: F811
    folder = save_adapter(trained_adapter(tiny("bi-bert").base, "heads"), tmp_path / "adapter")
    read = {}
    for runtime in ("torch", "onnx"):
        result = cli("annotate", "-a", folder, "--runtime", runtime, "--to", "jsonl", TEXTS[0])
        assert result.code == 0, result.err
        read[runtime] = [(e["start"], e["end"], e["label"]) for e in json.loads(result.out)["entities"]]
    assert read["onnx"] == read["torch"] != []
    assert cli("annotate", "-a", folder, "--runtime", "onnx", "--precision", "bf16", "x").code != 0
