"""Methods, formats and corpora of other packages: found when asked for, refused by name where they cannot be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from bases import LABELS, TinyBase
from gliner_adapters.adapters import AdapterConfig, describe, load_adapter, save_adapter
from gliner_adapters.adapters.config import CONFIG_FILE
from gliner_adapters.annotate import AdapterLibrary
from gliner_adapters.corpora import builtin_infos, corpus_info, corpus_infos, find_file, load_corpus
from gliner_adapters.corpora.registry import is_corpus
from gliner_adapters.documents import detect_format, formats, read_documents, written_format
from gliner_adapters.documents.formats import builtin_formats, get_format
from gliner_adapters.errors import AdapterError, ConfigError, DataError, PluginError
from gliner_adapters.methods import METHODS, attach, get_method, known_methods, plugins_of
from gliner_adapters.plugins import PluginWarning, find_plugins
from plugins.helpers import METHOD, corpus_package, format_code, make_package

PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the module path."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def tiny_bi(tiny: Callable[[str], TinyBase]) -> TinyBase:
    """A bi-encoder."""
    return tiny("bi-bert")


def test_without_plugins_there_is_what_this_package_has() -> None:
    assert set(known_methods()) == set(METHODS)
    assert formats().keys() == builtin_formats().keys()
    assert corpus_infos().keys() == builtin_infos().keys()


def test_a_method_of_a_package(place: Path) -> None:
    module = make_package(place, "shift", {"methods": {"a-shift": "Method"}}, METHOD.replace("NAME", "a-shift"))
    assert module not in sys.modules
    assert [plugin.package for plugin in find_plugins("method")] == ["shift"]
    assert get_method("heads") is METHODS["heads"]
    assert module not in sys.modules, "what nobody asked for is not imported"
    method = get_method("a-shift")
    assert known_methods()["a-shift"] is method
    assert "a-shift" not in METHODS
    assert str(plugins_of("lora+a-shift")["a-shift"]) == "the method 'a-shift' of the package shift 1.2"
    assert get_method("lora+a-shift").name == "lora+a-shift"


def test_a_method_that_registers_itself_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gliner_adapters.methods.registry.METHODS", dict(METHODS))
    code = METHOD.replace("NAME", "b-shift") + "\nfrom gliner_adapters.methods import register\nregister(Method)\n"
    make_package(place, "shift", {"methods": {"b-shift": "Method"}}, code)
    assert get_method("b-shift").name == "b-shift"
    assert known_methods()["b-shift"] is get_method("b-shift")
    assert set(plugins_of("b-shift")) == {"b-shift"}


@pytest.mark.parametrize(
    ("points", "code", "complaint"),
    [
        (
            {"c0": "Method"},
            METHOD.replace("NAME", "c0") + "\n1 / 0\n",
            r"cannot be imported: ZeroDivisionError.*\.py:\d+",
        ),
        ({"c1": "Method"}, "import sys\nsys.exit(3)", "cannot be imported: SystemExit"),
        ({"c2": "Method"}, "import no_such_library", "cannot be imported: ModuleNotFoundError: .*no_such_library"),
        ({"c3": "Other"}, METHOD.replace("NAME", "c3"), "cannot be imported: AttributeError"),
        ({"c4": "nn"}, METHOD.replace("NAME", "c4"), "expected a subclass of Adapter"),
        ({"c5": "Method"}, METHOD.replace("NAME", "other"), "its name is 'other'; the entry point"),
        ({"C 6": "Method"}, METHOD.replace("NAME", "C 6"), "has no usable name"),
        ({"c+7": "Method"}, METHOD.replace("NAME", "c+7"), "has no usable name"),
    ],
)
def test_what_cannot_be_used_is_named_and_stops_nothing_else(
    place: Path, points: dict[str, str], code: str, complaint: str
) -> None:
    make_package(place, "broken", {"methods": points}, code)
    (name,) = points
    with pytest.warns(PluginWarning, match=complaint) as told:
        assert set(known_methods()) == set(METHODS)
    assert f"the method {name!r} of the package broken 1.2" in str(told[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(known_methods()) == set(METHODS), "what is broken is told once"
        assert get_method("heads") is METHODS["heads"]
    if "+" not in name:
        with pytest.raises(PluginError, match=complaint):
            get_method(name)


def test_a_name_of_this_package_is_not_taken(place: Path, tiny_bi: TinyBase) -> None:
    make_package(place, "taker", {"methods": {"heads": "Method"}}, METHOD.replace("NAME", "heads"))
    taken = "the method 'heads' is given by taker 1.2 and by gliner-adapters itself; uninstall one"
    with pytest.raises(PluginError, match=taken):
        attach("heads", tiny_bi.base, LABELS)
    with pytest.raises(PluginError, match=taken):
        get_method("lora+heads")
    assert get_method("full").name == "full"
    with pytest.warns(PluginWarning, match=taken):
        assert known_methods()["heads"] is METHODS["heads"]


def test_two_packages_with_one_name(place: Path) -> None:
    for package in ("one", "another"):
        make_package(place, package, {"methods": {"d": "Method"}, "formats": {"d": "Lines"}}, "")
    for kind, get, known in (("method", get_method, known_methods), ("format", get_format, formats)):
        with pytest.raises(PluginError, match=f"the {kind} 'd' is given by another 1.2 and by one 1.2"):
            get("d")
        with pytest.warns(PluginWarning, match="another 1.2 and by one 1.2"):
            assert "d" not in known()


def test_a_format_of_a_package(place: Path, tmp_path: Path) -> None:
    make_package(place, "lines", {"formats": {"e": "Lines"}}, format_code("e", (".lines",)))
    path = tmp_path / "a.lines"
    path.write_text("Aspirin.\nHeLa.\n")
    assert detect_format(path) == "e"
    assert [document.text for document in read_documents(path)] == ["Aspirin.", "HeLa."]
    assert {"e", "jsonl"} < set(formats())


@pytest.mark.parametrize(
    ("endings", "complaint"), [((".LINES",), "in small letters"), (("lines",), "start with a dot")]
)
def test_a_format_with_endings_that_nothing_has(place: Path, endings: tuple[str, ...], complaint: str) -> None:
    make_package(place, "lines", {"formats": {"f": "Lines"}}, format_code("f", endings))
    with pytest.raises(PluginError, match=complaint):
        get_format("f")


def test_a_format_takes_no_ending_away(place: Path, tmp_path: Path) -> None:
    """Files that were read and written before are so after another package came; content may say otherwise."""
    make_package(place, "lines", {"formats": {"g": "Lines"}}, format_code("g", (".jsonl", ".both"), "head[:1] == b'!'"))
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "Aspirin."}\n')
    assert (written_format(path), detect_format(path)) == ("jsonl", "jsonl")
    path.write_text("!Aspirin.\n")
    assert detect_format(path) == "g"
    make_package(place, "other", {"formats": {"h": "Lines"}}, format_code("h", (".both",)))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))  # another path: plugins are looked for anew
        with pytest.raises(ConfigError, match=r"the ending .both is that of the formats g \(lines\) and h \(other\)"):
            written_format("a.both")


def test_a_format_that_fails_on_others_files_is_passed_over(place: Path, tmp_path: Path) -> None:
    make_package(place, "lines", {"formats": {"i": "Lines"}}, format_code("i", (), "head.decode('ascii') == 'x'"))
    path = tmp_path / "unknown"
    path.write_bytes('{"text": "β"}\n'.encode())
    with pytest.warns(PluginWarning, match="the format 'i' of the package lines 1.2 was not considered"):
        assert detect_format(path) == "jsonl"


def test_a_corpus_of_a_package_read_by_its_own_code(place: Path) -> None:
    corpus_package(place, "words", "some-words", aliases=["wordy"])
    assert is_corpus("Some_Words")
    assert corpus_info("wordy").name == "some-words"
    corpus = load_corpus("wordy")
    assert [(d.id, d.mention(d.entities[0]), d.entities[0].label) for d in corpus.documents("train")] == [
        ("1", "Aspirin", "drug"),
        ("2", "Lithium", "drug"),
    ]
    assert {"some-words", "sample"} < set(corpus_infos())
    (place / "some-words" / "train.words").write_text("Aspirin hurts!\nLithium too.\n")
    with pytest.raises(DataError, match="checksum mismatch"):
        load_corpus("some-words")
    (place / "some-words" / "train.words").unlink()
    with pytest.raises(ConfigError, match="the package that brings the corpus some-words lacks its train split"):
        find_file(corpus_info("some-words"), "train")


def test_a_corpus_in_a_format_that_nobody_reads(place: Path) -> None:
    corpus_package(place, "words", "more-words", loader="None")
    with pytest.raises(ConfigError, match="unknown format 'words'"):
        load_corpus("more-words").documents("train")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"licence": None}, r"bad-0.json: not a corpus description.*licence"),
        ({"name": "other"}, "its name is 'other'; the entry point"),
        ({"aliases": ["BC5CDR"]}, "its alias 'bc5cdr' is a name of the corpus bc5cdr of gliner-adapters"),
    ],
)
def test_a_corpus_that_cannot_be_used(
    place: Path, changes: dict[str, object], complaint: str, request: pytest.FixtureRequest
) -> None:
    corpus_package(place, f"bad-{request.node.callspec.indices['changes']}", "bad-0", **changes)
    with pytest.raises(PluginError, match=f"(?s){complaint}"):
        load_corpus("bad-0")
    with pytest.warns(PluginWarning, match="the corpus 'bad-0'"):
        assert "sample" in corpus_infos()
    assert load_corpus("sample").name == "sample"


def test_corpora_that_share_a_name_or_an_alias(place: Path) -> None:
    corpus_package(place, "p", "first-words", aliases=["both"])
    corpus_package(place, "q", "second-words", aliases=["both"])
    corpus_package(place, "r", "sample")
    with (
        pytest.warns(PluginWarning, match="the corpus 'sample' is given by r 1.2"),
        pytest.raises(PluginError, match=r"first-words \(p\) and second-words \(q\) share the alias 'both'"),
    ):
        load_corpus("both")
    with pytest.raises(PluginError, match=r"the corpus 'sample' is given by r 1\.2 and by gliner-adapters itself"):
        load_corpus("sample")
    assert corpus_infos()["sample"].title == builtin_infos()["sample"].title
    assert corpus_info("first-words").name == "first-words"


def test_an_adapter_names_the_package_of_its_method(place: Path, tiny_bi: TinyBase, tmp_path: Path) -> None:
    code = METHOD.replace("NAME", "j-shift")
    make_package(place, "shift-package", {"methods": {"j-shift": "Method"}}, code)
    folder = tmp_path / "adapter"
    save_adapter(describe(attach("j-shift+lora", tiny_bi.base, LABELS), tiny_bi.base, threshold=0.5), folder)
    config = AdapterConfig.read(folder)
    assert config.plugins == {"j-shift": "shift-package"}
    assert config.versions["shift-package"] == "1.2"
    card = (folder / "README.md").read_text()
    assert "`j-shift+lora` (`j-shift` of the package `shift-package`)" in card
    assert "Reading with it needs `shift-package` beside `gliner-adapters`." in card
    assert load_adapter(folder, tiny_bi.base).config == config
    assert save_adapter(describe(attach("lora", tiny_bi.base, LABELS), tiny_bi.base, threshold=0.5), tmp_path / "plain")
    assert AdapterConfig.read(tmp_path / "plain").plugins == {}


def test_an_adapter_whose_package_is_missing_or_another(
    place: Path, tiny_bi: TinyBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_package(place, "shift-package", {"methods": {"k-shift": "Method"}}, METHOD.replace("NAME", "k-shift"))
    folder = tmp_path / "adapter"
    save_adapter(describe(attach("k-shift", tiny_bi.base, LABELS), tiny_bi.base, threshold=0.5), folder)
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setattr(sys, "path", [str(other), *[each for each in sys.path if each != str(place)]])
    made = "the adapter was made with the method 'k-shift' of the package shift-package 1.2"
    library = AdapterLibrary({"k": folder}, tiny_bi.base)
    for load in (lambda: load_adapter(folder, tiny_bi.base), lambda: load_adapter(folder), lambda: library.get("k")):
        with pytest.raises(AdapterError, match=f"{made}, which is not installed; .*`pip install shift-package`"):
            load()
    make_package(other, "stranger", {"methods": {"k-shift": "Method"}}, METHOD.replace("NAME", "k-shift"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with pytest.raises(AdapterError, match=f"{made}, and here 'k-shift' is a method of stranger"):
        load_adapter(folder, tiny_bi.base)
    config = json.loads((folder / CONFIG_FILE).read_text())
    (folder / CONFIG_FILE).write_text(json.dumps({**config, "plugins": {"k-shift": "x; rm -rf ~"}}))
    with pytest.raises(AdapterError, match=r"plugins\.k-shift"):
        load_adapter(folder, tiny_bi.base)


@pytest.mark.parametrize("arguments", [["--help"], ["adapt", "--help"], ["convert", "--help"], ["--version"]])
def test_help_looks_for_no_plugin(place: Path, arguments: list[str]) -> None:
    """Nor imports one: what is installed beside this package costs nothing at the start."""
    points = {group: {f"late-{group}": "x"} for group in ("methods", "formats", "corpora")}
    module = make_package(place, "late", points, "raise RuntimeError('imported')")
    code = (
        "import sys\n"
        "from gliner_adapters import plugins\n"
        "def refuse(path): raise RuntimeError('looked for')\n"
        "plugins._found = refuse\n"
        "from gliner_adapters.cli import app\n"
        f"try: app({arguments!r}, prog_name='gliner-adapters')\n"
        "except SystemExit: pass\n"
        f"assert {module!r} not in sys.modules\n"
    )
    paths = os.pathsep.join([str(PROJECT / "src"), str(place)])
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, check=True, stdout=subprocess.DEVNULL
    )
