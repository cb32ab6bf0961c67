"""`%load_ext taper` and `%taper`, in IPython's own shell."""

from __future__ import annotations

import pytest

from .programs import run, write

pytest.importorskip("IPython", reason="the notebook's shell is not installed")
pytest.importorskip("matplotlib", reason="pictures need matplotlib")

CELLS = """
from IPython.terminal.interactiveshell import TerminalInteractiveShell
import sys
shell = TerminalInteractiveShell.instance(simple_prompt=True)
def cell(text):
    result = shell.run_cell(text)
    assert result.success, text
    return result.result
cell("%load_ext taper")
assert "torch" not in sys.modules
cell("%taper")
cell("import torch, taper\\nfrom torch import nn")
assert cell("torch is taper and nn is taper.nn")
assert cell("torch.ones(2).sum().item()") == 2
# The line that the tutorials' notebooks begin with.
cell("%matplotlib inline\\nfrom d2l import torch as d2l\\nd2l.use_svg_display()")
cell("animator = d2l.Animator(xlabel='epoch', legend=['loss'])\\nanimator.add(1, 0.5)\\nanimator.add(2, 0.25)")
assert cell("animator.Y") == [[0.5, 0.25]]
assert cell("import taper.viz\\ntaper.viz.curves({'a': [1, 2]})")._repr_png_()[:4] == b"\\x89PNG"
assert shell.run_cell("%taper sideways").error_in_exec is not None
cell("%taper off")
assert "torch" not in sys.modules
cell("%taper on")
cell("%unload_ext taper")
assert shell.find_line_magic("taper") is None
print("done")
"""


def test_the_magic(tmp_path):
    write(tmp_path, cells=CELLS)
    done = run(cwd=tmp_path, module="cells", IPYTHONDIR=str(tmp_path / "ipython"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("done\n")
    assert "import torch now finds Taper" in done.stdout
