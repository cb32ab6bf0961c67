"""The tutorial: every block runs, prints what stands below it, and makes the pictures that its page shows."""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "docs" / "tutorial"
LESSONS = sorted(FOLDER.glob("[0-9]*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NEEDS = {
    "02": ["matplotlib"], "04": ["matplotlib", "sklearn"], "05": ["PIL", "sklearn"], "06": ["matplotlib", "PIL", "sklearn"],
    "07": ["matplotlib", "PIL", "sklearn"], "09": ["matplotlib"], "10": ["tensorboardX"], "12": ["llvmlite"],
}  # fmt: skip


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_lesson(lesson, tmp_path, monkeypatch):
    for library in NEEDS.get(lesson.name[:2], []):
        pytest.importorskip(library, reason=f"{lesson.name} needs {library}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(FOLDER.parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    )
    (tmp_path / "pictures").mkdir()
    text = lesson.read_text(encoding="utf-8")
    names: dict = {"__name__": "lesson"}
    printed, ran = None, 0
    for match in BLOCK.finditer(text):
        kind, content = match.groups()
        if kind == "python":
            assert not printed, f"{lesson.name}: nothing says that a block prints {printed!r}"
            line = text[: match.start()].count("\n") + 2
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile("\n" * (line - 1) + content, str(lesson), "exec"), names)
            printed, ran = out.getvalue(), ran + 1
        elif kind == "text":
            assert printed == content
            printed = None
    assert not printed
    assert ran
    shown = set(re.findall(r"!\[[^]]*\]\(([^)]+)\)", text))
    made = {f"pictures/{path.name}" for path in (tmp_path / "pictures").iterdir()}
    assert made == shown
    assert all((FOLDER / picture).exists() for picture in shown)


def test_the_contents_name_every_lesson():
    assert sorted(re.findall(r"\]\((\d\d-[\w-]+\.md)\)", (FOLDER / "README.md").read_text("utf-8"))) == [
        p.name for p in LESSONS
    ]
