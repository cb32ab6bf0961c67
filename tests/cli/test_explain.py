"""`taper explain`: the script runs as Python runs it, then every function that it compiled is explained."""

from __future__ import annotations

import sys

import pytest

from taper.cli.app import run

pytest.importorskip("llvmlite", reason="programs of machine code need llvmlite")

SCRIPT = '''
import sys

import helper
import taper

print(__name__, sys.argv[1:], helper.NAME, __file__.endswith("script.py"))


def main():
    double = taper.compile(lambda x: taper.tanh(x @ x) * 2)
    for _ in range(2):
        double(taper.ones(8, 8))
    double(taper.ones(4, 4))
    taper.compile(helper.unused)


main()
'''


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a script and a module beside it; another folder is the working directory."""
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "helper.py").write_text("NAME = 'neighbour'\n\n\ndef unused(x):\n    return x\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    yield tmp_path
    sys.modules.pop("helper", None)


def test_functions_are_explained_after_the_script(place, capsys):
    before = sys.argv, list(sys.path)
    assert run(["explain", str(place / "script.py"), "--rate", "3"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("__main__ ['--rate', '3'] neighbour True\n")
    assert said.count("main.<locals>.<lambda>: 1 kernel of 3 operations") == 2
    assert "matmul 8x8x8 + tanh + multiply" in said and "matmul 4x4x4 + tanh + multiply" in said
    assert "script.py:11" in said
    assert "unused: was not called" in said
    assert (sys.argv, sys.path) == before


@pytest.mark.parametrize(
    ("end", "status", "message"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit('no more')", 1, "no more\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
    ],
)
def test_the_scripts_end_is_the_commands(place, capsys, end, status, message):
    (place / "script.py").write_text(SCRIPT + end)
    assert run(["explain", str(place / "script.py")]) == status
    said = capsys.readouterr()
    assert said.err.endswith(message)
    assert "matmul 8x8x8" in said.out


def test_a_script_that_compiles_nothing_is_told_so(place, capsys):
    (place / "script.py").write_text("print(1)")
    assert run(["explain", str(place / "script.py")]) == 0
    said = capsys.readouterr()
    assert said.out == "1\n"
    assert said.err == "taper explain: the script compiled nothing; wrap its step in taper.compile\n"


def test_a_script_that_is_not_there(place, capsys):
    assert run(["explain", "nowhere.py"]) == 2
    assert capsys.readouterr().err == (
        "taper: cannot run 'nowhere.py': there is no file nowhere.py. Check the path.\n"
    )


def test_functions_compiled_elsewhere_are_not_kept(place):
    from taper.compiler import api

    run(["explain", str(place / "script.py")])
    assert api.watched is None


def test_info_tells_of_native_code(tmp_path, monkeypatch, capsys):
    from taper.native import cache

    (tmp_path / "entry").write_bytes(b"x" * 2_500_000)
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    assert run(["info"]) == 0
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    native, kept = lines["native"].strip(), lines["code cache"].strip()
    assert "-bit vectors, " in native and " thread" in native
    assert kept == f"{tmp_path}, 2.5 MB in 1 files"
    monkeypatch.setattr(cache, "folder", lambda: None)
    assert run(["info"]) == 0
    assert "TAPER_CACHE_DIR" in capsys.readouterr().out
