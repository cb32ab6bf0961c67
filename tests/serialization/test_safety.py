"""Reading never executes code: what a file may name, with weights_only and without, and what programs add to it."""

from __future__ import annotations

import argparse
import collections
import enum
import functools
import os
import pathlib
import pickle
import subprocess
import tempfile
import types

import numpy as np
import pytest

import taper
from taper import nn
from taper.errors import CheckpointError
from taper.nn import functional as F
from taper.serialization import add_safe_globals, clear_safe_globals, get_safe_globals, load, safe_globals

from .exchange import again, oracle, packed, pickle_in, same, written

RAN = []


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.register_buffer("scale", taper.ones(2))
        self.activation = F.relu
        self.options = {"depth": 2}
        RAN.append("__init__")

    def forward(self, x):
        return self.activation(self.layers(x))


class Thing:
    def __init__(self, value=1):
        RAN.append("Thing")
        self.value = value

    def method(self):
        return self.value


class Slotted:
    __slots__ = ("left",)


class Closing:
    def __del__(self):
        RAN.append("__del__")


class Restoring:
    def __setstate__(self, state):
        RAN.append("__setstate__")
        self.__dict__.update(state)


class Making:
    def __new__(cls):
        RAN.append("__new__")
        return object.__new__(cls)


class Reducing:
    def __reduce__(self):
        return traced, (1,)


class Hashing:
    def __hash__(self):
        RAN.append("__hash__")
        return 1


class Property:
    @property
    def value(self):
        return 1

    @value.setter
    def value(self, value):
        RAN.append("property")


class Words(dict):
    def __setitem__(self, key, value):
        RAN.append("__setitem__")
        super().__setitem__(key, value)


class Row(list):
    def extend(self, items):
        RAN.append("extend")


class Color(enum.Enum):
    RED = 1


Pair = collections.namedtuple("Pair", "a b")


def traced(*args):
    RAN.append(("traced", args))


@pytest.fixture(autouse=True)
def nothing_ran():
    RAN.clear()
    yield
    clear_safe_globals()


GADGETS = {
    "os.system": b"cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
    "builtins.eval": b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.",
    "builtins.getattr": b"cbuiltins\ngetattr\n(cbuiltins\nlist\nX\x06\x00\x00\x00appendtR.",
    "subprocess.Popen": b"csubprocess\nPopen\nX\x04\x00\x00\x00true\x85\x81.",
    "subprocess.run": b"csubprocess\nrun\n.",
    "runpy._run_code": b"crunpy\n_run_code\n)R.",
    "numpy.load": b"cnumpy\nload\nX\x01\x00\x00\x00x\x85R.",
    "torch.load": b"ctorch\nload\nX\x01\x00\x00\x00x\x85R.",
    "torch.save": b"ctorch.serialization\nsave\n.",
    "torch.hub.load": b"ctorch.hub\nload\n.",
    "tempfile._TemporaryFileCloser": b"ctempfile\n_TemporaryFileCloser\n)\x81}X\x04\x00\x00\x00nameNsb.",
    "taper.serialization.atomic.os": b"ctaper.serialization.atomic\nos\n.",
    "taper.serialization.atomic.replacing": b"ctaper.serialization.atomic\nreplacing\n.",
    "nested name": b"\x80\x04\x8c\x0ctaper.errors\x8c\x17CheckpointError.__init__\x93.",
    "a function's attributes": b"ctorch.nn.functional\nrelu\n}X\x01\x00\x00\x00aNsb.",
    "a class's attributes": b"ctorch.nn.modules.linear\nLinear\n}X\x01\x00\x00\x00aNsb.",
    "a dtype's attributes": b"ctorch\nfloat32\n}X\x04\x00\x00\x00nameNsb.",
}


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize("name", GADGETS)
def test_gadgets_are_refused(name, weights_only, monkeypatch):
    for module, function in (
        (os, "system"),
        (subprocess, "Popen"),
        (subprocess, "run"),
        (tempfile, "NamedTemporaryFile"),
    ):
        monkeypatch.setattr(module, function, lambda *args, **options: RAN.append(args))
    with pytest.raises((pickle.UnpicklingError, CheckpointError)):
        load(packed(GADGETS[name]), weights_only=weights_only)
    assert not RAN
    assert not hasattr(F.relu, "a") and not hasattr(nn.Linear, "a") and taper.float32.name == "float32"


def test_the_error_names_the_global_and_the_fix():
    with pytest.raises(pickle.UnpicklingError) as raised:
        again(Thing())
    message = str(raised.value)
    assert f"Unsupported global: GLOBAL {__name__}.Thing was not an allowed global by default" in message
    assert "weights_only=False" in message and "add_safe_globals" in message


REFUSED = [
    collections.defaultdict(list),
    *(
        frozenset([1]),
        range(3),
        slice(1, 2),
        np.float32(1),
        np.ones(2),
        pathlib.PurePosixPath("a"),
        Color.RED,
        Pair(1, 2),
    ),
    *(F.relu, nn.Linear, functools.partial(F.relu), argparse.Namespace(a=1)),
]


@pytest.mark.parametrize("obj", REFUSED, ids=lambda obj: type(obj).__name__)
def test_weights_only_refuses_what_pytorch_refuses(obj):
    with pytest.raises(pickle.UnpicklingError, match="not an allowed global"):
        again(obj)


def test_numpy_and_plain_objects_load_without_weights_only():
    torch = oracle()
    saved = {
        "default": collections.defaultdict(list, a=[1]),
        "plain": [frozenset([1]), range(3), slice(1, 2)],
        "scalars": [
            np.float32(1.5),
            np.int64(3),
            np.bool_(True),
            np.str_("é"),
            np.complex64(1j),
            np.float64(2).astype(">f8"),
        ],
        "arrays": [np.arange(6).reshape(2, 3).T, np.ones((2, 0)), np.array(["a", "bc"]), np.arange(3, dtype=">i4")],
        "types": [np.float32, np.dtype("f4"), int, dict],
    }
    for write in (None, torch.save):
        file = written(saved) if write is None else written(saved, write)
        back = load(file, weights_only=False)
        same(back, pickle.loads(pickle.dumps(saved, 2)))
        assert type(back["default"]) is collections.defaultdict and back["default"]["new"] == []
        assert back["arrays"][0].flags.writeable
    assert again(pathlib.Path("a/b"), weights_only=False) == pathlib.Path("a/b")
    assert again(argparse.Namespace(lr=0.1), weights_only=False) == argparse.Namespace(lr=0.1)
    assert again(types.SimpleNamespace(lr=0.1), weights_only=False) == types.SimpleNamespace(lr=0.1)
    assert again([Color.RED, Pair(1, 2)], weights_only=False) == [Color.RED, Pair(1, 2)]
    assert again(np.ones(3), weights_only=False, map_location="cpu").sum() == 3


def test_object_arrays_are_refused():
    with pytest.raises((CheckpointError, pickle.UnpicklingError)):
        again(np.array([Thing()], dtype=object), weights_only=False)


def test_a_module_saved_whole_comes_back_without_running_its_code():
    net = Net()
    net.eval()
    net.again = net.layers
    RAN.clear()
    with pytest.raises(pickle.UnpicklingError, match="Net"):
        again(net)
    back = again(net, weights_only=False)
    assert not RAN
    assert type(back) is Net and not back.training and back.options == {"depth": 2} and back.activation is F.relu
    assert [name for name, _ in back.named_parameters()] == [name for name, _ in net.named_parameters()]
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in back.parameters())
    assert back.again is back.layers
    x = taper.ones(2, 3)
    assert back(x).tolist() == net(x).tolist()


def test_modules_saved_whole_are_exchanged_with_pytorch():
    torch = oracle()

    def model(lib):
        f = lib.nn
        return f.Sequential(
            f.Conv2d(1, 2, 3),
            f.BatchNorm2d(2),
            f.ReLU(),
            f.Flatten(),
            f.Linear(8, 4),
            f.Dropout(0.5),
            f.LayerNorm(4),
            f.GELU(),
        ).eval()

    ours, theirs = model(taper), model(torch)
    x = [[[[0.25 * i * j for i in range(4)] for j in range(4)]]]
    back = load(written(theirs, torch.save), weights_only=False)
    np.testing.assert_allclose(back(taper.tensor(x)).tolist(), theirs(torch.tensor(x)).tolist(), rtol=1e-5, atol=1e-6)
    back = torch.load(written(ours), weights_only=False)
    np.testing.assert_allclose(back(torch.tensor(x)).tolist(), ours(taper.tensor(x)).tolist(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [*nn.modules.__all__, *("SGD", "Adam", "AdamW", "NAdam", "RMSprop", "Rprop", "LBFGS")])
def test_classes_have_pytorchs_names_in_files(name):
    torch = oracle()
    home = nn if hasattr(nn, name) else taper.optim
    theirs = getattr(torch.nn if home is nn else torch.optim, name, None)
    if not isinstance(theirs, type):
        pytest.skip("PyTorch has no class of this name")
    assert load(written(theirs, torch.save), weights_only=False) is getattr(home, name)
    assert torch.load(written(getattr(home, name)), weights_only=False) is theirs


def test_bound_methods_and_lazy_modules_come_back():
    net = Net()
    net.activation = net.layers.forward
    back = again(net, weights_only=False)
    assert back.activation.__self__ is back.layers and back.activation.__func__ is nn.Sequential.forward
    lazy = again(nn.LazyLinear(3), weights_only=False)
    assert lazy(taper.ones(1, 2)).shape == (1, 3)


def test_functions_of_pytorch_are_found():
    torch = oracle()
    from_torch = load(
        written([torch.nn.functional.relu, torch.nn.functional.gelu, torch.tanh], torch.save), weights_only=False
    )
    assert from_torch == [F.relu, F.gelu, taper.tanh]


def test_objects_of_the_programs_classes_come_back():
    thing, slotted = Thing(7), Slotted()
    slotted.left = 3
    RAN.clear()
    back = again([thing, thing, slotted, traced, Thing], weights_only=False)
    assert back[0] is back[1] and back[0].method() == 7 and back[2].left == 3
    assert back[3] is traced and back[4] is Thing
    words, row = Words(a=1), Row([1, 2])
    back = again([words, row, functools.partial(Thing, value=3)], weights_only=False)
    assert back[0] == {"a": 1} and type(back[0]) is Words and list(back[1]) == [1, 2]
    assert not RAN
    assert back[2]().value == 3


def test_properties_are_not_set():
    pickled = pickle.dumps(Property(), 2)[:-1] + b"}X\x05\x00\x00\x00valueK\x01s\x86b."
    with pytest.raises(CheckpointError):
        load(packed(pickled.replace(b"}X", b"N}X")), weights_only=False)
    assert not RAN


@pytest.mark.parametrize("cls", [Closing, Restoring, Making, Reducing])
def test_classes_whose_code_would_run_need_permission(cls):
    thing = cls()
    thing.a = 1
    file = written(thing)
    if cls is Closing:
        del thing
    RAN.clear()
    with pytest.raises(pickle.UnpicklingError, match="add_safe_globals"):
        load(file, weights_only=False)
    assert not RAN


def test_keys_are_not_hashed_by_the_files_classes():
    file = written([Hashing()])
    pickled = b"\x80\x02}c" + f"{__name__}\nHashing\n".encode() + b")\x81K\x01s."
    RAN.clear()
    with pytest.raises(CheckpointError, match="key of Hashing"):
        load(packed(pickled), weights_only=False)
    assert type(load(file, weights_only=False)[0]) is Hashing and not RAN


def test_a_class_that_is_not_loaded_is_named():
    with pytest.raises(pickle.UnpicklingError, match="import nowhere_at_all before loading"):
        load(packed(b"cnowhere_at_all\nNet\n)\x81."), weights_only=False)
    with pytest.raises(pickle.UnpicklingError, match="has no 'Gone': define or import"):
        load(packed(b"c" + __name__.encode() + b"\nGone\n)\x81."), weights_only=False)


def test_the_tape_is_out_of_a_files_reach():
    assert not again(taper.ones(3)[1:]).__dict__
    p = nn.Parameter(taper.ones(1))
    p.extra = 1
    with pytest.raises(CheckpointError, match="attributes of a tensor"):
        load(renamed(p, b"\x05\x00\x00\x00extra", b"\x05\x00\x00\x00_grad"))


def renamed(obj, old: bytes, new: bytes):
    """The file of an object with one name in its pickle replaced."""
    return packed(pickle_in(written(obj)).replace(old, new), {"0": bytes(4)})


def test_programs_add_safe_globals():
    file = written([Thing(7), Restoring(), np.float64(2.5)])
    with safe_globals([Thing, Restoring, np.dtype, np.dtypes.Float64DType, (np._core.multiarray.scalar, SCALAR)]):
        back = load(file)
        assert back[0].value == 7 and type(back[1]) is Restoring and back[2] == 2.5
    assert get_safe_globals() == []
    add_safe_globals([Thing])
    add_safe_globals([Thing])
    assert get_safe_globals() == [Thing] and again(Thing(3)).value == 3
    clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError):
        again(Thing())


SCALAR = "numpy._core.multiarray.scalar"


def test_other_pickle_modules_are_refused():
    with pytest.raises(RuntimeError, match="explicit pickle_module"):
        load(written(1), pickle_module=pickle)
    assert load(written(1), pickle_module=pickle, weights_only=False) == 1
    with pytest.raises(NotImplementedError, match="json"):
        written(1, pickle_module=__import__("json"))


def test_lambdas_cannot_be_saved():
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        written({"f": lambda: 1})
