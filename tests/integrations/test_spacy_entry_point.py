"""The wheel, installed: spaCy finds the component without an import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("spacy", reason="needs the extra [spacy]")

from adapters.helpers import Tiny

PROJECT = Path(__file__).resolve().parents[2]

CODE = """
import sys
import spacy
nlp = spacy.blank("en")
ours = sorted(name for name in sys.modules if name.startswith("gliner_adapters."))
heavy = {"gliner", "peft", "gliner_adapters.annotate", "gliner_adapters.documents"} & set(sys.modules)
nlp.add_pipe("gliner_adapters", config={"base": sys.argv[1], "labels": ["disease"], "threshold": 0.0})
doc = nlp("Asthma was treated.")
print(sys.modules["gliner_adapters"].__file__)
print(*ours)
print(*heavy)
print(len(doc.spans["gliner_adapters"]))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as pip installs it from the wheel."""
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(PROJECT))
    place = tmp_path_factory.mktemp("wheel")
    (wheel,) = builder.build(directory=str(place / "dist"))
    target = place / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel]
    subprocess.run(command, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    return target


@pytest.mark.slow
def test_spacy_finds_it(installed: Path, tiny: Tiny) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tiny("bi-bert").folder)],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    file, ours, heavy, spans = done.stdout.split("\n")[:4]
    assert Path(file).is_relative_to(installed)
    # A pipeline that has nothing to do with this package pays for a few small modules.
    assert "gliner_adapters.integrations.spacy_factory" in ours.split()
    assert len(ours.split()) < 15
    assert heavy == ""
    assert int(spans) > 0
