"""docs/sequence.md: its example runs, and its numbers are those of the code."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import taper
from taper.compiler import routines
from taper.native.sequence import attention

PAGE = (Path(__file__).parent.parent.parent / "docs" / "sequence.md").read_text("utf-8")


def test_the_example():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    scope: dict = {}
    exec(code, scope)
    assert taper.equal(scope["h"], taper.tanh(taper.ones(2, 3)))


def test_the_numbers():
    rooms = {name: importlib.import_module(f"taper.backends.cpu.{name}") for name in ("attention", "recurrence")}
    text = " ".join(PAGE.split())
    assert f"fewer than 2^{rooms['recurrence'].NATIVE.bit_length() - 1} multiplications" in text
    assert f"From 2^{rooms['attention'].NATIVE.bit_length() - 1} multiplications" in text
    assert f"{attention.QUERIES} queries and {attention.KEYS} keys" in text
    assert f"from 2^{routines.LARGE.bit_length() - 1} weights a head on" in text
    assert f"(2^{routines.LARGE_CAUSAL.bit_length() - 1} causal)" in text
