"""`taper check`: names are read from programs without running them."""

from __future__ import annotations

import json
import sys

import pytest

import taper
from taper.cli.app import run
from taper.compat.check import lacking, verdicts
from taper.compat.uses import Reader
from taper.tensor.shape import ShapeMethods

# What a program says, and the names of PyTorch's that it uses.
READ = [
    ("import torch\ntorch.ones(2)", {"torch", "torch.ones"}),
    ("import torch.nn as nn\nnn.Linear", {"torch.nn", "torch.nn.Linear"}),
    ("import torch.nn.functional\ntorch.nn.relu", {"torch.nn.functional", "torch.nn.relu"}),
    ("from torch import nn as n, optim\nn.Linear(1, optim.SGD)", {"torch.nn", "torch.optim", "torch.nn.Linear", "torch.optim.SGD"}),
    ("from d2l import torch as d2l\nd2l.Timer()", {"d2l.torch", "d2l.torch.Timer"}),
    ("import torch\nF = torch.nn.functional\nF.relu", {"torch", "torch.nn.functional", "torch.nn.functional.relu"}),
    ("import torch\ndef f(torch):\n    torch.nothing", {"torch"}),
    ("def f():\n    return torch.ones(1)\nimport torch", {"torch", "torch.ones"}),
    ("import torch\nclass N(torch.nn.Module):\n    x = torch.float32", {"torch", "torch.nn.Module", "torch.float32"}),
    ("import torch\nf = lambda x: torch.abs(x)", {"torch", "torch.abs"}),
    ("import torch\n@torch.no_grad()\ndef f(x: torch.Tensor = torch.pi): pass", {"torch", "torch.no_grad", "torch.Tensor", "torch.pi"}),
    ("from torch.nn import *\nLinear(2, 2)", {"torch.nn", "torch.nn.Linear"}),
    ("import numpy as torch\ntorch.ones(1)", set()), ("from . import torch\ntorch.ones", set()),
    ("import torch\ntorch = 3\ntorch.nothing", {"torch"}), ("import torchaudio\ntorchaudio.load", set()),
    ("import torch\n[torch.ones(i) for i in x if torch.rand(1)]", {"torch", "torch.ones", "torch.rand"}),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(READ)))
def test_names_are_resolved(i):
    source, expected = READ[i]
    reader = Reader("program.py")
    reader.read(source)
    assert {use.name for use in reader.uses if not use.name.startswith(".")} == expected


HERE = [
    ("torch.nn.Linear", None), ("torch.nope", "torch.nope"), ("torchvision.transforms.v2.ToDtype", None), ("torchvision.models.optical_flow.RAFT", "torchvision.models.optical_flow"), ("torch.float32.is_floating_point", None),
    ("torchvision.transforms.functional.hflip", None), ("d2l.torch.Timer", None), ("d2l.torch.nope", "d2l.torch.nope"),
    ("torch.fx.symbolic_trace", "torch.fx.symbolic_trace"), ("torch.jit.trace", "torch.jit.trace"), ("torch.jit.script", None),
    ("torch.fx", None), ("torch.onnx.export", "torch.onnx.export"), ("torch.Tensor.abs", None), ("torch.Tensor.nothing", "torch.Tensor.nothing"),
    ("torch.nn.modules.module.Module", None), ("torch.__version__", None), ("torch.cuda.is_available", None),
]  # fmt: skip


@pytest.mark.parametrize("name, gap", HERE)
def test_what_is_here(name, gap):
    assert lacking(name) == gap


def test_a_module_counts_if_its_library_is_installed(monkeypatch):
    monkeypatch.delitem(sys.modules, "taper.utils.tensorboard", raising=False)
    monkeypatch.delitem(sys.modules, "taper.utils.tensorboard.writer", raising=False)
    monkeypatch.delitem(vars(taper.utils), "tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    reader = Reader("p.py")
    reader.read("from torch.utils.tensorboard import SummaryWriter\n")
    (found,) = [v for v in verdicts(reader.uses) if not v.here]
    assert (found.name, found.instead) == (
        "torch.utils.tensorboard",
        "Install tensorboardX: pip install 'taper[board]'.",
    )
    monkeypatch.undo()
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    assert lacking("torch.utils.tensorboard.SummaryWriter") is None


def test_methods_of_tensors_count_where_only_tensors_have_them(monkeypatch):
    monkeypatch.delattr(ShapeMethods, "unsqueeze")
    reader = Reader("p.py")
    reader.read("import torch\nx = torch.ones(2)\nx.unsqueeze(0)\nx.get(1)\nimport numpy as np\nnp.unsqueeze\n")
    assert [(v.name, len(v.uses)) for v in verdicts(reader.uses) if not v.here] == [("torch.Tensor.unsqueeze", 1)]


def test_guarded_imports_are_optional():
    reader = Reader("p.py")
    reader.read("try:\n    import torchvision.models.optical_flow\nexcept ImportError:\n    pass\n")
    (found,) = [v for v in verdicts(reader.uses) if not v.here]
    assert (found.name, found.optional) == ("torchvision.models.optical_flow", True)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.py").write_text("import torch\nprint(torch.ones(2))\n")
    (tmp_path / "bad.py").write_text(
        "from torchvision import models\n\nmodels.optical_flow.RAFT(1)\nmodels.optical_flow.RAFT(2)\n"
    )
    (tmp_path / "package" / ".hidden").mkdir(parents=True)
    (tmp_path / "package" / "a.py").write_text("from torch import nope\n")
    (tmp_path / "package" / ".hidden" / "b.py").write_text("from torch import hidden\n")
    (tmp_path / "broken.py").write_text("print 'two'\n")
    cells = [
        {"cell_type": "markdown", "source": ["# import torch.nothing"]},
        {
            "cell_type": "code",
            "source": ["%matplotlib inline\n", "!pip install torch\n", "import torch\n", "torch.ones?"],
        },
        {"cell_type": "code", "source": "%%bash\ntorch.not_python"},
        {"cell_type": "code", "source": "%%time\ntorch.nothing"},
    ]
    (tmp_path / "book.ipynb").write_text(json.dumps({"cells": cells}))
    return tmp_path


def test_statuses_and_the_table(place, capsys):
    assert run(["check", "good.py"]) == 0
    assert "1 file, 2 names of PyTorch, 0 missing" in capsys.readouterr().out
    assert run(["check", "bad.py"]) == 1
    said = capsys.readouterr().out
    assert "torchvision.models.optical_flow" in said and "bad.py:3" in said and "list_models" in said
    assert run(["check", "good.py", "--missing"]) == 0
    assert "torch.ones" not in capsys.readouterr().out
    assert run(["check", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert run(["check", "broken.py"]) == 1
    assert "cannot be read" in capsys.readouterr().out


def test_json_of_packages_and_notebooks(place, capsys):
    assert run(["check", "package", "book.ipynb", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [f.replace("\\", "/") for f in said["files"]] == ["package/a.py", "book.ipynb"]
    missing = {n["name"]: n for n in said["names"] if not n["here"]}
    assert set(missing) == {"torch.nope", "torch.nothing"}
    assert said["missing"] == 2
    assert missing["torch.nothing"]["uses"] == [{"file": "book.ipynb", "line": 9}]
    assert missing["torch.nothing"]["instead"]
    assert said["unreadable"] == []
