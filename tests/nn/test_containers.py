"""Containers of modules and parameters: as sequences and mappings, their text, their errors."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import taper
from taper import nn


def test_sequential_calls_in_order():
    class Add(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.n = n

        def forward(self, x):
            return x * 10 + self.n

    assert nn.Sequential(Add(1), Add(2))(taper.ones(1)).item() == 112
    assert nn.Sequential()(3) == 3


def test_sequential_is_a_sequence():
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    net = nn.Sequential(a, b, c)
    assert len(net) == 3 and list(net) == [a, b, c]
    assert net[0] is a and net[-1] is c
    assert isinstance(net[1:], nn.Sequential) and list(net[1:]) == [b, c] and list(net[1:]._modules) == ["1", "2"]
    net[1] = c
    assert net[1] is c
    del net[0]
    assert list(net._modules.items()) == [("0", c), ("1", c)]
    assert net.pop(0) is c and len(net) == 1
    assert net.append(a) is net and net.insert(0, b) is net and net.extend([c]) is net
    assert list(net) == [b, c, a, c] and list(net._modules) == ["0", "1", "2", "3"]
    del net[1:3]
    assert list(net._modules.items()) == [("0", b), ("1", c)]


def test_sequential_adds_and_multiplies():
    a, b = nn.ReLU(), nn.Tanh()
    net = nn.Sequential(a) + nn.Sequential(b)
    assert list(net) == [a, b]
    assert list(net * 2) == list(2 * net) == [a, b, a, b]
    net += nn.Sequential(a)
    assert list(net) == [a, b, a]
    net *= 2
    assert len(net) == 6


def test_named_sequential():
    net = nn.Sequential(OrderedDict(first=nn.ReLU(), second=nn.Tanh()))
    assert net.first is net[0]
    net[0] = nn.Sigmoid()
    assert isinstance(net.first, nn.Sigmoid)
    assert list(net[:1]._modules) == ["first"]


def test_module_list_is_a_list():
    a, b, c = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    found = nn.ModuleList([a, b])
    assert found.append(c) is found and list(found) == [a, b, c]
    assert found[-1] is c and isinstance(found[:2], nn.ModuleList) and list(found[:2]) == [a, b]
    found.insert(1, c)
    assert list(found) == [a, c, b, c]
    assert found.pop(1) is c and list(found) == [a, b, c]
    found[0] = b
    del found[-1]
    assert list(found._modules.items()) == [("0", b), ("1", b)]
    found += [a]
    assert list(found + [c]) == [b, b, a, c]
    assert found.extend(found) is found and len(found) == 6
    del found[::2]
    assert len(found) == 3


def test_module_list_collapses_equal_neighbours():
    found = nn.ModuleList([nn.Linear(1, 2), nn.Linear(1, 2), nn.ReLU(), nn.Sequential(nn.ReLU())])
    assert repr(found) == (
        "ModuleList(\n  (0-1): 2 x Linear(in_features=1, out_features=2, bias=True)\n  (2): ReLU()\n  (3): "
        "Sequential(\n"
        "    (0): ReLU()\n  )\n)"
    )
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_module_dict_is_a_mapping():
    a, b = nn.ReLU(), nn.Tanh()
    found = nn.ModuleDict({"b": a, "a": b})
    assert list(found) == ["b", "a"] and "a" in found and found["a"] is b and len(found) == 2
    assert list(found.keys()) == ["b", "a"] and list(found.values()) == [a, b] and list(found.items())[0] == ("b", a)
    found["c"] = a
    del found["b"]
    assert found.pop("a") is b and list(found) == ["c"]
    found.update([("x", a), ("y", b)])
    found.update(nn.ModuleDict({"z": a}))
    assert list(found) == ["c", "x", "y", "z"]
    found.clear()
    assert len(found) == 0


def test_parameter_list_makes_parameters_of_tensors():
    found = nn.ParameterList([taper.ones(2, 3), 3])
    assert isinstance(found[0], nn.Parameter) and found[1] == 3 and len(found) == 2
    found.append(taper.zeros(1)).extend([taper.zeros(2)])
    assert [n for n, _ in found.named_parameters()] == ["0", "2", "3"]
    assert len(found[1:]) == 3 and found[-1].shape == (2,)
    found += ["a"]
    assert [type(v).__name__ for v in found] == ["Parameter", "int", "Parameter", "Parameter", "str"]
    found[0] = taper.ones(4)
    assert found[0].shape == (4,)
    assert repr(nn.ParameterList([taper.ones(2, 3), 3])) == (
        "ParameterList(\n    (0): Parameter containing: [torch.float32 of size 2x3]\n    (1): Object of type: int\n)"
    )


def test_parameter_dict_is_a_mapping():
    found = nn.ParameterDict({"b": taper.ones(2), "a": taper.ones(3)})
    assert list(found) == ["a", "b"] and isinstance(found["a"], nn.Parameter)
    found["c"] = 5
    assert [n for n, _ in found.named_parameters()] == ["a", "b"] and found.get("d", 1) == 1
    assert found.setdefault("d", 4) == 4 and found.pop("c") == 5 and found.popitem() == ("d", 4)
    joined = found | nn.ParameterDict({"z": taper.ones(1)})
    assert list(joined) == ["a", "b", "z"] and joined["a"] is found["a"]
    found |= nn.ParameterDict({"y": 1})
    assert list(found.keys()) == ["a", "b", "y"] and list(reversed(found)) == ["y", "b", "a"]
    assert list(found.copy().values())[2] == 1 and list(found.fromkeys("pq", 3).items()) == [("p", 3), ("q", 3)]
    assert repr(nn.ParameterDict({"x": taper.ones(2).double()})) == (
        "ParameterDict(  (x): Parameter containing: [torch.DoubleTensor of size 2])"
    )
    found.clear()
    assert len(found) == 0 and not list(found.parameters())


ERRORS = [
    ("position", lambda: nn.Sequential(nn.ReLU())[3], IndexError, "index 3 is out of range"),
    ("name", lambda: nn.Sequential(nn.ReLU())["0"], TypeError, "cannot be interpreted as an integer"),
    ("list name", lambda: nn.ModuleList([nn.ReLU()])["0"], TypeError, "cannot be interpreted as an integer"),
    ("empty list", lambda: nn.ModuleList()[0], IndexError, "index 0 is out of range"),
    ("add", lambda: nn.Sequential() + 3, ValueError, "add operator supports only objects of Sequential class"),
    ("times zero", lambda: nn.Sequential() * 0, ValueError, "Non-positive multiplication factor 0"),
    ("times half", lambda: nn.Sequential() * 0.5, TypeError, "unsupported operand type"),
    ("insert far", lambda: nn.Sequential().insert(5, nn.ReLU()), IndexError, "Index out of range: 5"),
    ("insert number", lambda: nn.Sequential().insert(0, 3), AssertionError, "module should be of type"),
    ("append number", lambda: nn.Sequential().append(3), TypeError, "int is not a Module subclass"),
    ("of numbers", lambda: nn.Sequential(3), TypeError, "int is not a Module subclass"),
    ("list of numbers", lambda: nn.ModuleList([3]), TypeError, "int is not a Module subclass"),
    ("list of one", lambda: nn.ModuleList(3), TypeError, "ModuleList.extend should be called with an iterable"),
    ("dict of one", lambda: nn.ModuleDict(3), TypeError, "should be called with an iterable of key/value pairs"),
    ("dict of triples", lambda: nn.ModuleDict([(1, 2, 3)]), ValueError, "element #0 has length 3; 2 is required"),
    ("dict of numbers", lambda: nn.ModuleDict({"a": 3}), TypeError, "int is not a Module subclass"),
    ("dict method", lambda: nn.ModuleDict({"keys": nn.ReLU()}), KeyError, "attribute 'keys' already exists"),
    ("dict missing", lambda: nn.ModuleDict()["a"], KeyError, "a"),
    ("call a list", lambda: nn.ModuleList()(1), NotImplementedError, "is missing the required"),
    ("call parameters", lambda: nn.ParameterList()(1), RuntimeError, "ParameterList should not be called."),
    ("call parameter dict", lambda: nn.ParameterDict()(1), RuntimeError, "ParameterDict should not be called."),
    (
        "parameters of one",
        lambda: nn.ParameterList(3),
        TypeError,
        "ParameterList.extend should be called with an iterable",
    ),
    ("parameter position", lambda: nn.ParameterList([1])[1], IndexError, "index 1 is out of range"),
    ("parameter dict of one", lambda: nn.ParameterDict(3), TypeError, "ParametersDict.update should be called"),
    (
        "parameter dict key",
        lambda: nn.ParameterDict({3: 1}),
        TypeError,
        "cannot be used as a key as it is not a string",
    ),
    ("parameter dict method", lambda: nn.ParameterDict({"keys": taper.ones(1)}), KeyError, "already exists"),
    ("parameter dict missing", lambda: nn.ParameterDict()["b"], AttributeError, "has no attribute 'b'"),
]


@pytest.mark.parametrize("name, action, error, message", ERRORS, ids=[row[0] for row in ERRORS])
def test_errors_are_pytorchs(name, action, error, message):
    with pytest.raises(error) as caught:
        action()
    assert message in str(caught.value)
