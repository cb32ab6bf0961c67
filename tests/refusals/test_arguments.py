"""What PyTorch refuses, Taper refuses with the same exception class; what it takes for a number, Taper takes."""

from __future__ import annotations

import inspect
import pickle
import warnings

import numpy as np
import pytest

import taper

A, T, V, I, R = AttributeError, TypeError, ValueError, IndexError, RuntimeError

# fmt: off
ROWS = [
    # What is no tensor.
    ("sum of a number", lambda t, x: t.sum(3), T),
    ("sum of a list", lambda t, x: t.sum([1.0]), T),
    ("mean of an array", lambda t, x: t.mean(np.ones(3)), T),
    ("transpose None", lambda t, x: t.transpose(None, 0, 1), T),
    ("exp of a number", lambda t, x: t.exp(1.0), T),
    ("add of words", lambda t, x: t.add(x, "x"), T),
    ("matmul with a list", lambda t, x: t.matmul(x, [1.0]), T),
    ("mm with None", lambda t, x: x.mm(None), T),
    ("bmm of an array", lambda t, x: t.bmm(np.ones((1, 2, 2)), x[None]), T),
    ("gather by a list", lambda t, x: x.gather(0, [0]), T),
    ("index_select by a number", lambda t, x: x.index_select(0, 1), T),
    ("masked_fill by None", lambda t, x: x.masked_fill(None, 0.0), T),
    ("where without a tensor", lambda t, x: t.where(True, x, x), T),
    ("cat of numbers", lambda t, x: t.cat([1, 2]), T),
    ("stack of one tensor", lambda t, x: t.stack(3), T),
    ("stack with None", lambda t, x: t.stack([x, None]), T),
    ("atleast of a number", lambda t, x: t.atleast_2d(3), T),
    ("block_diag of words", lambda t, x: t.block_diag("x"), T),
    ("expand as a shape", lambda t, x: x.expand_as((2, 3)), T),
    ("type of a word", lambda t, x: x.type_as("x"), T),
    ("copy of a list", lambda t, x: x.clone().copy_([1.0]), T),
    ("conv2d of a number", lambda t, x: t.nn.functional.conv2d(3, x), T),
    ("conv2d by None", lambda t, x: t.nn.functional.conv2d(x, None), T),
    ("linear by a list", lambda t, x: t.nn.functional.linear(x, [1.0]), T),
    ("cross entropy to a number", lambda t, x: t.nn.functional.cross_entropy(x, 3), T),
    ("layer norm by a word", lambda t, x: t.nn.functional.layer_norm(x, (3,), "x"), T),
    ("solve for a number", lambda t, x: t.linalg.solve(x @ x.T, 3), T),
    ("fft of a list", lambda t, x: t.fft.fft([1.0]), T),
    ("erf of None", lambda t, x: t.special.erf(None), T),
    # PyTorch asks some arguments for what a tensor has.
    ("softmax of a number", lambda t, x: t.nn.functional.softmax(3, 0), A),
    ("group norm of None", lambda t, x: t.nn.functional.group_norm(None, 1), A),
    ("mse of a list", lambda t, x: t.nn.functional.mse_loss([1.0], x), A),
    ("mse to None", lambda t, x: t.nn.functional.mse_loss(x, None), A),
    ("mse of an array", lambda t, x: t.nn.functional.mse_loss(np.ones(3), x), T),
    ("interpolation of a word", lambda t, x: t.nn.functional.interpolate("x", 3), A),
    ("split of a number", lambda t, x: t.split(3, 1), A),
    # Dimensions, numbers and sizes.
    ("sum along a word", lambda t, x: x.sum("0"), T),
    ("sum along a fraction", lambda t, x: x.sum(0.0), T),
    ("sum along a bool", lambda t, x: x.sum(True), T),
    ("cumsum along None", lambda t, x: t.cumsum(x, None), T),
    ("argmax along a list", lambda t, x: x.argmax([0]), T),
    ("transpose by fractions", lambda t, x: x.transpose(0.0, 1.0), T),
    ("flatten from True", lambda t, x: x.flatten(True), T),
    ("unsqueeze a word", lambda t, x: x.unsqueeze("x"), T),
    ("select by a fraction", lambda t, x: x.select(0, 1.5), T),
    ("roll by a word", lambda t, x: x.roll("x"), T),
    ("chunk by a fraction", lambda t, x: x.chunk(1.5), T),
    ("topk of a fraction", lambda t, x: x.topk(1.5), T),
    ("diagonal of a word", lambda t, x: x.diagonal("x"), T),
    ("tril of None", lambda t, x: x.tril(None), T),
    ("expand to None", lambda t, x: x.expand(None, 3), T),
    ("view as fractions", lambda t, x: x.view(1.5), T),
    ("reshape to words", lambda t, x: x.reshape("x"), T),
    ("zeros of fractions", lambda t, x: t.zeros(1.5), T),
    ("pad by fractions", lambda t, x: t.nn.functional.pad(x, (1.5, 2)), T),
    ("pool by a fraction", lambda t, x: t.nn.functional.max_pool2d(x[None], 1.5), T),
    ("pool by a word", lambda t, x: t.nn.functional.avg_pool2d(x[None], "x"), T),
    ("stride of a fraction", lambda t, x: t.nn.functional.conv1d(x, t.ones(2, 2, 1), stride=1.5), T),
    ("padding of a bool", lambda t, x: t.nn.functional.conv1d(x, t.ones(2, 2, 1), padding=True), T),
    ("groups of a fraction", lambda t, x: t.nn.functional.conv1d(x, t.ones(2, 2, 1), groups=1.5), T),
    ("points of a fraction", lambda t, x: t.fft.fft(x, 1.5), T),
    ("power of a fraction", lambda t, x: t.linalg.matrix_power(x @ x.T, 1.5), T),
    # Booleans are no numbers, and numbers no booleans.
    ("sum keeps 1", lambda t, x: x.sum(0, keepdim=1), T),
    ("mean keeps a fraction", lambda t, x: t.mean(x, 0, keepdim=3.5), T),
    ("max keeps None", lambda t, x: x.max(0, keepdim=None), T),
    ("std keeps a word", lambda t, x: x.std(0, keepdim="x"), T),
    ("sort descends 1", lambda t, x: x.sort(descending=1), T),
    ("topk largest None", lambda t, x: x.topk(1, largest=None), T),
    ("cholesky upper 1", lambda t, x: t.linalg.cholesky(x @ x.T, upper=1), T),
    ("ceil 1", lambda t, x: t.nn.functional.max_pool1d(x, 1, ceil_mode=1), T),
    ("training 1", lambda t, x: t.nn.functional.dropout(x, 0.5, training=1), T),
    ("requires 'x'", lambda t, x: t.ones(2, requires_grad="x"), T),
    # Numbers.
    ("alpha of a word", lambda t, x: t.add(x, x, alpha="x"), T),
    ("clamp by a word", lambda t, x: x.clamp("x"), T),
    ("clamp_min by None", lambda t, x: x.clamp_min(None), T),
    ("eps of a word", lambda t, x: t.nn.functional.layer_norm(x, (3,), eps="x"), T),
    ("slope of a word", lambda t, x: t.nn.functional.leaky_relu(x, "x"), T),
    ("tolerance of a word", lambda t, x: t.allclose(x, x, rtol="x"), T),
    ("dropout of a word", lambda t, x: t.nn.functional.dropout(x, "x"), T),
    ("dropout of 1.5", lambda t, x: t.nn.functional.dropout(x, 1.5), V),
    ("complex value", lambda t, x: t.addcmul(x, x, x, value=1j), R),
    ("uniform by a word", lambda t, x: x.clone().uniform_("x", 1.0), T),
    ("filled with a word", lambda t, x: t.full((2,), "x"), T),
    # Types, devices, places.
    ("sum as a word", lambda t, x: x.sum(dtype="float32"), T),
    ("softmax as a number", lambda t, x: x.softmax(0, dtype=3), T),
    ("zeros as a word", lambda t, x: t.zeros(2, dtype="x"), T),
    ("to two words", lambda t, x: x.to("cpu", "x"), T),
    ("to an object", lambda t, x: x.to(object()), T),
    ("to a numbered device", lambda t, x: x.to(9), R),
    ("float in a format", lambda t, x: x.float(memory_format="x"), T),
    ("contiguous in a format", lambda t, x: x.contiguous(memory_format=3), T),
    ("layout of a word", lambda t, x: t.zeros(2, layout="x"), T),
    ("generator of a number", lambda t, x: t.bernoulli(x.abs() / 9, generator=3), T),
    ("out of a word", lambda t, x: t.sum(x, 0, out="x"), T),
    ("exp out of a word", lambda t, x: t.exp(x, out="x"), T),
    ("method with out", lambda t, x: x.cumsum(0, out=x), T),
    # Words.
    ("reduce by a number", lambda t, x: t.scatter_reduce(x, 0, x.long() * 0, x, 3), T),
    ("pad by a number", lambda t, x: t.nn.functional.pad(x, (1, 1), mode=3), T),
    ("qr by a number", lambda t, x: t.linalg.qr(x, mode=3), T),
    ("rounding by a number", lambda t, x: t.div(x, x, rounding_mode=3), T),
    ("approximation of a number", lambda t, x: t.nn.functional.gelu(x, approximate=3), T),
    ("a reduction of its own", lambda t, x: t.nn.functional.mse_loss(x, x, reduction="max"), V),
    # Orders and memory.
    ("order of gamma", lambda t, x: t.mvlgamma(x + 9, 0), R),
    ("more than memory", lambda t, x: t.fft.fft(x, 2**50), R),
    ("pool beyond memory", lambda t, x: t.nn.functional.adaptive_max_pool1d(x, 2**44), R),
    ("repeat beyond memory", lambda t, x: x.repeat(2**44, 1), R),
]
# fmt: on


def data(library):
    return library.arange(6, dtype=library.float32).reshape(2, 3)


@pytest.mark.parametrize("call, error", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_refused_with_pytorchs_class(call, error):
    torch = pytest.importorskip("torch")
    with pytest.raises(error) as theirs:
        call(torch, data(torch))
    assert theirs.type is error
    with pytest.raises(error) as ours:
        call(taper, data(taper))
    assert ours.type is error


# fmt: off
TAKEN = [
    ("a dimension of NumPy", lambda t, x: x.cumsum(np.int64(0))),
    ("a dimension in a tensor", lambda t, x: x.cumsum(t.tensor(1))),
    ("sizes of NumPy", lambda t, x: t.nn.functional.max_pool1d(x, np.int64(2), np.int64(1))),
    ("sizes in tensors", lambda t, x: t.nn.functional.pad(x, (t.tensor(1), t.tensor(2)))),
    ("a number in a tensor", lambda t, x: t.nn.functional.leaky_relu(-x, t.tensor(0.5))),
    ("a tensor and a number", lambda t, x: x.clamp(t.tensor(1.0), 2)),
    ("Python's type", lambda t, x: x.sum(0, dtype=float)),
    ("Python's type to log_softmax", lambda t, x: x.log_softmax(0, dtype=float)),
    ("sections by name", lambda t, x: t.cat(t.tensor_split(x, sections=2, dim=1), 1)),
    ("positions by name", lambda t, x: t.cat(t.tensor_split(x, indices=(1,), dim=1), 1)),
    ("many differences", lambda t, x: x.diff(n=10**6)),
    ("an array to an operator", lambda t, x: x.long() & np.array([1, 0, 1])),
    ("an array from the left", lambda t, x: x * np.ones(3, np.float32) + np.float32(2)),
    ("Python's types promoted", lambda t, x: x.to(t.promote_types(float, t.float32))),
    ("dimensions of NumPy moved", lambda t, x: x.movedim(np.int64(0), np.int64(1))),
    ("a dtype after a device", lambda t, x: x.to("cpu", t.float64, True, True)),
]
# fmt: on


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # PyTorch's, with NumPy 2
@pytest.mark.parametrize("call", [row[1] for row in TAKEN], ids=[row[0] for row in TAKEN])
def test_taken_as_pytorch_does(call):
    torch = pytest.importorskip("torch")
    theirs, ours = call(torch, data(torch)), call(taper, data(taper))
    assert str(ours.dtype) == str(theirs.dtype)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy())


def test_the_message_names_function_argument_and_class():
    with pytest.raises(TypeError, match=r"cumsum\(\): argument 'dim' \(position 1\) must be int, not str"):
        taper.ones(2).cumsum("x")
    with pytest.raises(TypeError, match=r"cumsum\(\): argument 'dim' \(position 2\) must be int, not float"):
        taper.cumsum(taper.ones(2), dim=0.5)
    words = r"pad\(\): argument 'pad' \(position 2\) must be tuple of ints, but found element of type float at pos 1"
    with pytest.raises(TypeError, match=words):
        taper.nn.functional.pad(taper.ones(2), (1, 0.5))


def test_checked_functions_stay_the_functions_they_are():
    function = taper.nn.functional.softplus
    assert pickle.loads(pickle.dumps(function)) is function
    assert pickle.loads(pickle.dumps(taper.cumsum)) is taper.cumsum
    assert list(inspect.signature(function).parameters)[0] == "input"
    assert taper.cumsum.__doc__ and taper.Tensor.cumsum.__name__ == "cumsum"


def test_a_class_of_tensors_is_a_tensor():
    class Mine(taper.Tensor):
        pass

    x = Mine([1.0, 1.0, 1.0])
    assert taper.cumsum(x, 0).tolist() == [1, 2, 3]
    assert taper.nn.functional.mse_loss(x, taper.nn.Parameter(taper.zeros(3))).item() == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: taper.ones(1).var(),
        lambda: taper.nn.functional.softmax(taper.ones(2)),
        lambda: taper.nn.functional.l1_loss(taper.ones(2, 3), taper.ones(3)),
        lambda: taper.nn.MSELoss()(taper.ones(2, 3), taper.ones(3)),
        lambda: taper.tensor(taper.ones(1)),
        lambda: (taper.ones(1, requires_grad=True) * 2).grad,
    ],
)
def test_warnings_name_the_callers_line(call):
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        call()
    assert [w.filename for w in given] == [__file__]


def test_powers_of_high_order_are_products():
    x = taper.tensor([2.0, 0.5], dtype=taper.float64, requires_grad=True)
    made = taper.linalg.vander(x, N=5)
    np.testing.assert_allclose(made.detach().numpy(), np.vander([2.0, 0.5], 5, increasing=True))
    assert taper.autograd.gradcheck(lambda v: taper.linalg.vander(v, N=4), (x,))
    with pytest.raises(RuntimeError, match="memory"):
        taper.linalg.vander(x, N=2**50)
