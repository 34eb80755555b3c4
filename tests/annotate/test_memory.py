"""What a process keeps while it reads on and on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.helpers import Tiny
from gliner_adapters._memory import KERNELS, return_free_memory


@pytest.mark.parametrize(("given", "kept"), [(None, KERNELS), ("7", "7")])
def test_kernels_are_bounded_unless_the_user_says_how(given: str | None, kept: str) -> None:
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    environment = {key: value for key, value in os.environ.items() if key != name} | ({name: given} if given else {})
    code = (
        "import sys, gliner_adapters._memory as m, os; m.bound_kernel_cache(); "
        f"print(os.environ['{name}'], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [kept, "False"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other C libraries do it by themselves")
def test_free_memory_goes_back() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    blocks = [bytes(100_000) for _ in range(1000)]
    last = bytes(100_000)  # above the others, so that the heap's end cannot move down
    full = resident()
    del blocks
    if not return_free_memory():
        pytest.skip("a C library without malloc_trim")
    assert resident() < full - 50_000_000
    assert last is not None


def test_words_without_end_are_not_remembered_without_end(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """New words come for ever; what is remembered of them is bounded, and what is read stays the same."""
    from gliner_adapters.model import tokens

    memory = tiny("bi-bert").base.text_tokens
    texts = [[f"word{number}", "of", f"others{number % 7}"] for number in range(40)]
    memory.forget()
    expected = [memory.word_ids(words) for words in texts]
    monkeypatch.setattr(tokens, "REMEMBERED_WORDS", 10)
    memory.forget()
    for words, ids in zip(texts, expected, strict=True):
        assert memory.word_ids(words) == ids
        assert len(memory._memory) <= 10
