"""Names that Taper lacks: the full name, what to use instead, and where to see all of them; and nothing else changes."""

from __future__ import annotations

import sys

import pytest

import taper
from taper import compat
from taper.compat.instead import INSTEAD, instead
from taper.compat.missing import mark_tensor, unmark_tensor
from taper.compat.names import known, members, table
from taper.compat.rooms import MOVED, module_exists, taper_name, torch_name
from taper.tensor.shape import ShapeMethods


@pytest.fixture
def aliases(monkeypatch):
    """The aliases in this process, where PyTorch, the oracle of other tests, may be imported already."""
    for name in [n for n in sys.modules if n.partition(".")[0] in ("torch", "torchvision", "d2l")]:
        monkeypatch.delitem(sys.modules, name)
    compat.install()
    yield
    compat.uninstall()


LACKING = [
    ("torchvision.models.optical_flow", "import torchvision.models.optical_flow"), ("torchvision.models.optical_flow", "from torchvision.models import optical_flow"),
    ("torch.foo", "import torch; torch.foo"), ("torch.nn.Linaer", "import torch; torch.nn.Linaer"),
    ("torch.cuda.Foo", "from torch.cuda import Foo"), ("torch.bar", "from torch import bar"), ("torch.foo", "import torch.foo.inner"),
    ("torch.nn.functional.sigmod", "import torch.nn.functional as F; F.sigmod"), ("torchvision.nothing", "import torchvision.nothing"),
    ("torchvision.models.resnet17", "from torchvision.models import resnet17"), ("d2l.torch.nothing", "from d2l import torch as d2l; d2l.nothing"),
]  # fmt: skip


@pytest.mark.parametrize("name, line", LACKING, ids=lambda v: v if v.startswith(("torch", "d2l")) else "")
def test_a_missing_name_says_what_to_do(aliases, name, line):
    with pytest.raises((AttributeError, ImportError)) as caught:
        exec(line)
    message = str(caught.value)
    assert f"Taper has no {name}." in message
    assert instead(name) in message
    assert "taper check" in message
    assert type(caught.value) in (AttributeError, ModuleNotFoundError)


def test_questions_have_their_answers(aliases):
    import torch

    assert not hasattr(torch, "zork")
    assert getattr(torch, "zork", 3) == 3
    assert "Did you mean torch.nn.Linear?" in instead("torch.nn.Linaer")
    with pytest.raises(AttributeError):
        torch.nn.__wrapped__  # noqa: B018
    try:
        import torchvision.models.optical_flow as extension
    except ImportError:
        extension = None
    assert extension is None


def test_methods_that_tensors_lack(monkeypatch):
    # A method is taken away, so that this stays true when there are more.
    monkeypatch.delattr(ShapeMethods, "squeeze")
    unmark_tensor()
    mark_tensor()
    try:
        assert not hasattr(taper.ones(1), "squeeze")
        with pytest.raises(AttributeError, match="Taper has no torch.Tensor.squeeze.*taper check"):
            taper.ones(1).squeeze()
    finally:
        unmark_tensor()
    with pytest.raises(AttributeError, match="^'Tensor' object has no attribute 'squeeze'$"):
        taper.ones(1).squeeze()


def test_installing_twice_and_taking_back(monkeypatch):
    for name in [n for n in sys.modules if n.partition(".")[0] in ("torch", "torchvision", "d2l")]:
        monkeypatch.delitem(sys.modules, name)
    before = (
        taper.__version__,
        taper.nn.__dict__.get("__getattr__"),
        getattr(taper.cuda, "__path__", None),
        len(sys.meta_path),
    )
    compat.install()
    compat.install()
    import torch

    assert torch is taper
    assert compat.installed()
    compat.uninstall()
    compat.uninstall()
    after = (
        taper.__version__,
        taper.nn.__dict__.get("__getattr__"),
        getattr(taper.cuda, "__path__", None),
        len(sys.meta_path),
    )
    assert (before, compat.installed(), "torch" in sys.modules) == (after, False, False)


def test_an_imported_pytorch_is_not_replaced(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", type(sys)("torch"))
    with pytest.raises(RuntimeError, match="torch is already imported"):
        compat.install()
    assert not compat.installed()


def test_the_tables_are_true():
    for theirs, ours in MOVED.items():
        assert module_exists(ours), f"{theirs} is said to be in {ours}"
    assert taper_name("torch.nn.functional") == "taper.nn.functional"
    assert torch_name("taper.vision.transforms") == "torchvision.transforms"
    assert taper_name("numpy") is None
    assert known("torch.relu") and not known("torch.relou") and known("somewhere.else") is None
    assert "abs" in members("torch.Tensor") and len(table()) > 100
    assert all(advice.endswith(".") for _, advice in INSTEAD)


def test_versions_compare_as_numbers(aliases):
    import torch

    version = torch.__version__
    assert version >= "2.2" and version > "1.13.1" and version > "2.13.0" and version < "2.14" and version <= "3"
    assert not version < "2.9" and not version > "2.13.1"
    assert version == str(version) and version.startswith("2.13.0+taper")
