"""What the project says of itself: README's commands, the layers, the names that are exported."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import taper

from .backends.gpus import gpus

ROOT = Path(__file__).parent.parent


def commands(section: str) -> list[str]:
    """The lines of a marked block of README."""
    found = re.findall(rf"<!-- {section} -->\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(found) == 1, f"README has {len(found)} blocks marked '{section}'"
    return found[0].strip().splitlines()


@pytest.mark.parametrize("section", ["main job", "tests"])
def test_readme_needs_python_and_pip_only(section):
    lines = commands(section)
    assert lines[0] == "python3 -m venv .venv"
    assert all(line.startswith((".venv/bin/python -m ", ".venv/bin/taper ")) for line in lines[1:])


def test_the_chinese_readme_says_the_same():
    blocks = lambda name: re.findall(
        r"^```(?:sh|python)\n(.*?)^```$", (ROOT / name).read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    ours, chinese = ([re.sub(r"\s+#.*", "", block) for block in blocks(name)] for name in ("README.md", "README.zh.md"))
    assert ours == chinese


def test_readmes_programs_run(capsys):
    found = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(found) == 2
    for program in found:
        names = {"__name__": "program"}
        exec(compile(program, "README.md", "exec"), names)
        assert capsys.readouterr().out
    assert names["losses"] == sorted(names["losses"], reverse=True)
    assert names["step"].compilations == 1


def test_every_file_that_is_no_module_is_installed():
    """What lies beside the modules is named as package data: an install without -e has it too."""
    kept = re.findall(r'^"(taper[\w.]*)" = \[(.*)\]$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    named = {
        f"{package.replace('.', '/')}/{name}" for package, names in kept for name in re.findall(r'"([^"]+)"', names)
    }
    there = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "taper").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert named == there


def test_ci_runs_readmes_commands_as_printed():
    script = (ROOT / ".ci" / "run").read_text()
    section = re.search(r"^section\(\).*$", script, re.MULTILINE).group(0)
    for name in ("main job", "tests"):
        assert f"section '{name}'" in script or f"section {name}" in script
        shell = f'{section}\nsection "{name}"'
        said = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True, cwd=ROOT).stdout
        assert said.strip().splitlines() == commands(name)


def test_readmes_main_job_is_a_command_that_exists():
    from taper.cli.app import cli

    words = commands("main job")[-1].split()[1:]
    command = cli.get_command(None, words[0])
    command.make_context(words[0], words[1:])


def test_imports_point_down():
    linter = pytest.importorskip("importlinter.cli", reason="import-linter is not installed")
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert linter
    assert found.returncode == 0, found.stdout


def modules():
    return [m.name for m in pkgutil.walk_packages(taper.__path__, "taper.") if not m.name.endswith("__main__")]


@pytest.mark.parametrize("name", modules())
def test_exported_names_exist(name):
    if name.startswith("taper.utils.tensorboard"):
        pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    if name.startswith("taper.backends.cuda."):
        with gpus("standin"):
            module = importlib.import_module(name)
    else:
        module = importlib.import_module(name)
    assert module.__doc__, f"{name} says nothing about itself"
    for exported in getattr(module, "__all__", ()):
        assert hasattr(module, exported), f"{name}.__all__ names {exported}"


def test_import_loads_no_optional_library():
    code = "import sys, taper; print([m for m in ('PIL', 'matplotlib', 'sklearn', 'torch', 'scipy', 'cupy', 'click', 'rich') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
