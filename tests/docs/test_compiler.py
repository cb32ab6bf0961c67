"""docs/compiler.md: its example runs, each stage prints what the page shows, its tables tell the truth."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import taper

pytest.importorskip("llvmlite", reason="the page shows machine code")

PAGE = Path(taper.__file__).parent.parent / "docs" / "compiler.md"
TEXT = PAGE.read_text("utf-8")
SHOWN = re.compile(r"^<!-- (within )?(.*?) -->\n```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def names():
    """What the page's example leaves behind; its first block is a file of its own."""
    found: dict = {"__name__": "step"}
    for i, block in enumerate(re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)):
        exec(compile(block, "step.py" if i == 0 else "more.py", "exec"), found)
    return found


@pytest.mark.parametrize("shown", SHOWN.findall(TEXT), ids=lambda shown: shown[1])
def test_the_page_shows_what_is_printed(names, shown):
    within, expression, block = shown
    printed = eval(expression, names)
    if within:
        assert block in printed
    else:
        assert block == printed + "\n"


def test_the_page_shows_every_stage_that_does_not_depend_on_the_machine():
    assert [expression for _, expression, _ in SHOWN.findall(TEXT)] == [
        'step.stages["captured"]', 'step.stages["kernels"]', "code", 'step.stages["call"]',
    ]  # fmt: skip


def test_the_example_is_right(names):
    assert names["loss"].item() == 9.0
    assert names["step"].compilations == 1
    np.testing.assert_allclose(names["w"].detach().numpy(), 1 - 0.1 * 6, rtol=1e-6)


@pytest.mark.parametrize("row", re.findall(r"^\| `(.*)` \| `(.*)` \|$", TEXT, re.MULTILINE), ids=lambda row: row[0])
def test_what_cannot_be_captured_has_a_way_out(row):
    given, instead = (eval(f"lambda x: {code}", {"taper": taper, "np": np, "__name__": "page"}) for code in row)
    for values in ([1.0, -2.0, 3.0], [-1.0, 0.0, 0.5]):
        x = taper.tensor(values)
        with pytest.raises(taper.CaptureError, match=r"\(<string>:1\)$"):
            taper.compile(given, fullgraph=True)(x)
        # Vector functions are within two units in the last place of NumPy's.
        np.testing.assert_allclose(taper.compile(instead, fullgraph=True)(x).numpy(), given(x).numpy(), rtol=3e-7)


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`((?:lower|native|backends|compiler|taper|tests)/[\w/.]*|\w+\.py)`", TEXT)))
)
def test_files_that_the_page_names_exist(name):
    root = PAGE.parent.parent
    assert (
        any((root / folder / name).exists() for folder in ("", "taper", "taper/compiler", "taper/compiler/lower"))
        or name == "step.py"
    )
