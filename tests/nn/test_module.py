"""Module: registration, attributes, walks, state, conversions, text. Messages were recorded from PyTorch 2.13."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import pytest

import taper
from taper import nn


class Scale(nn.Module):
    def __init__(self, n=3):
        super().__init__()
        self.weight = nn.Parameter(taper.ones(n))
        self.register_buffer("seen", taper.zeros(2))
        self.register_buffer("scratch", taper.zeros(1), persistent=False)

    def forward(self, x):
        return x * self.weight


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Scale()
        self.second = Scale()
        self.shift = nn.Parameter(taper.zeros(3))

    def forward(self, x):
        return self.second(self.first(x)) + self.shift


def test_assignment_registers_by_kind():
    net = Net()
    assert list(net._parameters) == ["shift"]
    assert list(net._modules) == ["first", "second"]
    assert list(net.first._buffers) == ["seen", "scratch"]
    assert net.first.weight is net.first._parameters["weight"]
    net.first = None
    assert net._modules["first"] is None and net.first is None


def test_an_attribute_moves_to_the_dictionary_of_its_new_kind():
    net = nn.Module()
    net.part = 3
    net.part = nn.Parameter(taper.ones(1))
    assert "part" in net._parameters and "part" not in net.__dict__
    del net.part
    net.part = nn.Linear(1, 1)
    assert "part" in net._modules
    net.part = nn.Parameter(taper.ones(1))
    assert "part" in net._parameters and "part" not in net._modules


def test_buffer_class_registers_a_buffer():
    net = nn.Module()
    net.kept = nn.Buffer(taper.ones(2))
    net.dropped = nn.Buffer(taper.ones(2), persistent=False)
    assert list(net.state_dict()) == ["kept"]
    assert [name for name, _ in net.named_buffers()] == ["kept", "dropped"]
    assert isinstance(net.kept, nn.Buffer) and not isinstance(taper.ones(2), nn.Buffer)


def _without_init(make):
    class Early(nn.Module):
        def __init__(self):
            make(self)

    return Early


ERRORS = [
    ("missing attribute", lambda n: n.nope, AttributeError, "'Net' object has no attribute 'nope'"),
    (
        "tensor as parameter",
        lambda n: setattr(n, "shift", taper.ones(1)),
        TypeError,
        "cannot assign 'torch.FloatTensor' as parameter 'shift' (torch.nn.Parameter or None expected)",
    ),
    (
        "number as module",
        lambda n: setattr(n, "first", 3),
        TypeError,
        "cannot assign 'int' as child module 'first' (torch.nn.Module or None expected)",
    ),
    (
        "number as buffer",
        lambda n: setattr(n.first, "seen", 3),
        TypeError,
        "cannot assign 'int' as buffer 'seen' (torch.nn.Buffer, torch.Tensor or None expected)",
    ),
    ("dotted parameter", lambda n: n.register_parameter("b.c", None), KeyError, 'parameter name can\'t contain "."'),
    ("empty parameter", lambda n: n.register_parameter("", None), KeyError, 'parameter name can\'t be empty string ""'),
    ("taken parameter", lambda n: n.register_parameter("first", None), KeyError, "attribute 'first' already exists"),
    (
        "tensor parameter",
        lambda n: n.register_parameter("z", taper.ones(1)),
        TypeError,
        "cannot assign 'torch.FloatTensor' object to parameter 'z' (torch.nn.Parameter or None required)",
    ),
    ("number name", lambda n: n.register_parameter(3, None), TypeError, "parameter name should be a string. Got int"),
    ("taken buffer", lambda n: n.register_buffer("first", None), KeyError, "attribute 'first' already exists"),
    ("dotted buffer", lambda n: n.register_buffer("a.b", None), KeyError, 'buffer name can\'t contain "."'),
    (
        "number buffer",
        lambda n: n.register_buffer("z", 3),
        TypeError,
        "cannot assign 'int' object to buffer 'z' (torch Tensor or None required)",
    ),
    ("number module", lambda n: n.add_module("z", 3), TypeError, "int is not a Module subclass"),
    ("dotted module", lambda n: n.add_module("a.b", None), KeyError, 'module name can\'t contain ".", got: a.b'),
    ("empty module", lambda n: n.register_module("", None), KeyError, 'module name can\'t be empty string ""'),
    ("bad mode", lambda n: n.train(3), ValueError, "training mode is expected to be boolean"),
    (
        "integer dtype",
        lambda n: n.to(taper.int32),
        TypeError,
        "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.int32",
    ),
    (
        "odd destination",
        lambda n: n.to([1]),
        TypeError,
        "to() received an invalid combination of arguments - got (list)",
    ),
    (
        "no forward",
        lambda n: nn.Module()(1),
        NotImplementedError,
        'Module [Module] is missing the required "forward" function',
    ),
    ("positional", lambda n: nn.Module(3), TypeError, "Module.__init__() takes 1 positional argument but 2 were given"),
    ("keyword", lambda n: nn.Module(a=3), TypeError, "Module.__init__() got an unexpected keyword argument 'a'"),
    ("no submodule", lambda n: n.get_submodule("first.zz"), AttributeError, "Scale has no attribute `zz`"),
    ("not a submodule", lambda n: n.get_submodule("first.weight"), AttributeError, "`weight` is not an nn.Module"),
    ("no parameter", lambda n: n.get_parameter("first.zz"), AttributeError, "Scale has no attribute `zz`"),
    ("not a parameter", lambda n: n.get_parameter("first.seen"), AttributeError, "`seen` is not an nn.Parameter"),
    ("not a buffer", lambda n: n.get_buffer("shift"), AttributeError, "`shift` is not a buffer"),
    (
        "parameter before init",
        lambda n: _without_init(lambda m: setattr(m, "w", nn.Parameter(taper.ones(1))))(),
        AttributeError,
        "cannot assign parameters before Module.__init__() call",
    ),
    (
        "module before init",
        lambda n: _without_init(lambda m: setattr(m, "w", nn.Linear(1, 1)))(),
        AttributeError,
        "cannot assign module before Module.__init__() call",
    ),
    (
        "buffer before init",
        lambda n: _without_init(lambda m: m.register_buffer("w", None))(),
        AttributeError,
        "cannot assign buffer before Module.__init__() call",
    ),
    (
        "register before init",
        lambda n: _without_init(lambda m: m.register_parameter("w", None))(),
        AttributeError,
        "cannot assign parameter before Module.__init__() call",
    ),
]


@pytest.mark.parametrize("name, action, error, message", ERRORS, ids=[row[0] for row in ERRORS])
def test_errors_are_pytorchs(name, action, error, message):
    with pytest.raises(error) as caught:
        action(Net())
    assert message in str(caught.value.args[0])


def test_non_leaf_cannot_be_registered():
    weight = nn.Parameter(taper.ones(2))
    computed = weight * 2
    computed._is_param = True
    with pytest.raises(ValueError, match="Cannot assign non-leaf Tensor to parameter 'z'"):
        nn.Module().register_parameter("z", computed)


def test_walks_give_paths_in_order_and_shared_parts_once():
    net = Net()
    net.again = net.first
    assert [n for n, _ in net.named_modules()] == ["", "first", "second"]
    assert [n for n, _ in net.named_modules(remove_duplicate=False)] == ["", "first", "second", "again"]
    assert [n for n, _ in net.named_children()] == ["first", "second"]
    assert [n for n, _ in net.named_parameters()] == ["shift", "first.weight", "second.weight"]
    assert [n for n, _ in net.named_parameters("p", recurse=False)] == ["p.shift"]
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert [n for n, _ in net.named_buffers()] == ["first.seen", "first.scratch", "second.seen", "second.scratch"]
    assert len(list(net.parameters())) == 3 and len(list(net.buffers())) == 4 and len(list(net.modules())) == 3


def test_paths_find_what_they_name():
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("first") is net.first
    assert net.get_parameter("first.weight") is net.first.weight
    assert net.get_buffer("second.seen") is net.second.seen
    other = Scale()
    net.set_submodule("first", other)
    assert net.first is other


def test_apply_visits_children_first():
    names = []
    net = Net()
    assert net.apply(lambda m: names.append(type(m).__name__)) is net
    assert names == ["Scale", "Scale", "Net"]


def test_train_and_eval_reach_every_module():
    net = Net()
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())


def test_dtype_conversion_keeps_the_parameter_objects_and_integers():
    net = Net()
    net.register_buffer("count", taper.tensor(3))
    before = net.shift
    net.shift.grad = taper.ones(3)
    assert net.double() is net
    assert net.shift is before and net.shift.dtype == taper.float64 and net.shift.grad.dtype == taper.float64
    assert net.first.seen.dtype == taper.float64 and net.count.dtype == taper.int64
    assert net.to(dtype=taper.float16).shift.dtype == taper.float16
    assert net.to("cpu", taper.float32).shift.dtype == taper.float32
    assert net.to(taper.zeros(1, dtype=taper.float64)).shift.dtype == taper.float64
    assert net.bfloat16().shift.dtype == taper.bfloat16
    assert net.half().float().cpu().shift.dtype == taper.float32
    assert net.type(taper.float64).count.dtype == taper.float64
    assert net.to_empty(device="cpu").shift.shape == (3,)
    assert net.shift.requires_grad


def test_gradients_are_forgotten_or_zeroed():
    net = Net()
    net.shift.grad = taper.ones(3)
    net.zero_grad(set_to_none=False)
    assert net.shift.grad.tolist() == [0, 0, 0]
    net.zero_grad()
    assert net.shift.grad is None
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())


def test_state_dict_shares_memory_and_knows_versions():
    net = Net()
    state = net.state_dict()
    assert isinstance(state, OrderedDict)
    assert list(state) == ["shift", "first.weight", "first.seen", "second.weight", "second.seen"]
    assert list(state._metadata) == ["", "first", "second"] and state._metadata["first"] == {"version": 1}
    assert not state["shift"].requires_grad and type(state["shift"]) is taper.Tensor
    assert net.state_dict(keep_vars=True)["shift"] is net.shift
    assert list(net.first.state_dict(prefix="p.")) == ["p.weight", "p.seen"]
    with taper.no_grad():
        net.shift.add_(1)
    assert state["shift"].tolist() == [1, 1, 1]


def test_loading_copies_values():
    source, target = Net(), Net()
    with taper.no_grad():
        source.shift.add_(2)
        source.first.seen.add_(5)
    kept = target.shift
    found = target.load_state_dict(source.state_dict())
    assert repr(found) == "<All keys matched successfully>" and found == ([], [])
    assert target.shift is kept and kept.tolist() == [2, 2, 2] and target.first.seen.tolist() == [5, 5]


def test_loading_with_assign_takes_the_tensors():
    source, target = Net().double(), Net()
    state = source.state_dict()
    target.load_state_dict(state, assign=True)
    assert target.shift.dtype == taper.float64 and target.shift.requires_grad
    assert isinstance(target.shift, nn.Parameter)
    with taper.no_grad():
        source.shift.add_(1)
    assert target.shift.tolist() == [1, 1, 1]


def test_what_does_not_fit_is_reported_in_full():
    net = Net()
    state = net.state_dict()
    del state["shift"]
    state["x"] = taper.ones(1)
    state["first.y"] = taper.ones(1)
    state["first.weight"] = taper.ones(4)
    state["second.seen"] = 3
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    assert str(caught.value) == (
        'Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "shift". \n\tUnexpected key(s) in '
        'state_dict: "x", "first.y". \n\tsize mismatch for first.weight: copying a param with shape torch.Size([4]) '
        "from "
        "checkpoint, the shape in current model is torch.Size([3]).\n\tWhile copying the parameter named "
        "\"second.seen\", expected torch.Tensor or Tensor-like object from checkpoint but received <class 'int'>"
    )
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like, got <class 'int'>."):
        net.load_state_dict(3)


def test_not_strict_returns_the_keys_that_differ():
    net = Net()
    state = net.state_dict()
    del state["shift"]
    state["more"] = taper.ones(1)
    found = net.load_state_dict(state, strict=False)
    assert found.missing_keys == ["shift"] and found.unexpected_keys == ["more"]
    assert repr(found) == "_IncompatibleKeys(missing_keys=['shift'], unexpected_keys=['more'])"


def test_extra_state_goes_along():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    one, other = nn.Sequential(Counting()), nn.Sequential(Counting())
    one[0].count = 7
    assert list(one.state_dict()) == ["0._extra_state"]
    other.load_state_dict(one.state_dict())
    assert other[0].count == 7
    with pytest.raises(RuntimeError, match='Missing key.s. in state_dict: "0._extra_state"'):
        other.load_state_dict({})


def test_state_hooks_run():
    net, seen = Net(), []
    net.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("pre", prefix, keep)))
    handle = net._register_state_dict_hook(lambda m, state, prefix, meta: OrderedDict(state, extra=1))
    state = net.state_dict()
    assert seen == [("pre", "", False)] and state.pop("extra") == 1
    handle.remove()
    net.register_load_state_dict_pre_hook(lambda m, state, *rest: state.pop("junk", None))
    net.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    state["junk"] = 1
    del state["shift"]
    assert net.load_state_dict(state) == ([], [])


def test_state_post_hook_changes_the_dict_in_place():
    net = Net()
    net.register_state_dict_post_hook(lambda m, state, prefix, meta: state.update(more=1) or None)
    assert net.state_dict()["more"] == 1
    net.register_state_dict_post_hook(lambda m, state, prefix, meta: state)
    with pytest.raises(RuntimeError, match="state_dict post-hook must return None"):
        net.state_dict()


def test_deepcopy_and_pickle_keep_values_and_sharing():
    net = Net()
    net.again = net.first
    for made in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert made.again is made.first and made.first is not net.first
        assert [n for n, _ in made.named_parameters()] == [n for n, _ in net.named_parameters()]
        assert isinstance(made.shift, nn.Parameter) and made.shift.requires_grad
        with taper.no_grad():
            made.shift.add_(1)
        assert net.shift.tolist() == [0, 0, 0]


def test_text():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
            self.none = None
            self.register_module("absent", None)

        def extra_repr(self):
            return "a=1\nb=2"

    assert repr(nn.Module()) == "Module()"
    assert repr(Odd()) == (
        "Odd(\n  a=1\n  b=2\n  (inner): Sequential(\n    (0): Linear(in_features=1, out_features=2, bias=True)\n"
        "    (1): ReLU()\n  )\n  (absent): None\n)"
    )


def test_dir_lists_what_is_registered():
    names = dir(nn.Sequential(OrderedDict(act=nn.ReLU())))
    assert "act" in names and "forward" in names
    assert "0" not in dir(nn.Sequential(nn.ReLU()))
