from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from ml_dtypes import bfloat16

import taper
from taper import dtypes
from taper.backends.device import CPU, device
from taper.tensor.printing import get_printoptions, parameter_repr, printoptions, set_printoptions, tensor_repr

f32 = partial(np.array, dtype=np.float32)
c64 = partial(np.array, dtype=np.complex64)


class Node:
    def __init__(self, name):
        self._name = name

    def name(self):
        return self._name


class Tensor:
    """What printing asks of a tensor."""

    def __init__(self, array, device=CPU, requires_grad=False, grad_fn=None):
        self._array = array
        self.dtype = dtypes.from_numpy(array.dtype)
        self.shape = array.shape
        self.device = device
        self.requires_grad = requires_grad
        self.grad_fn = grad_fn


class Parameter(Tensor):
    pass


class Weight(Parameter):
    pass


@pytest.fixture(autouse=True)
def options_and_default_dtype_of_a_fresh_process():
    dtypes.set_default_dtype(dtypes.float32)
    with printoptions(profile="default"):
        yield
    dtypes.set_default_dtype(dtypes.float32)


# fmt: off
VALUES = [
    (f32(0.0), "tensor(0.)"),
    (f32(-0.0), "tensor(-0.)"),
    (f32(3.0), "tensor(3.)"),
    (f32(0.1), "tensor(0.1000)"),
    (f32(1e-7), "tensor(1.0000e-07)"),
    (f32(123456789.0), "tensor(1.2346e+08)"),
    (f32(np.nan), "tensor(nan)"),
    (f32(-np.inf), "tensor(-inf)"),
    (np.array(7), "tensor(7)"),
    (np.array(True), "tensor(True)"),
    (c64(1.5 - 2j), "tensor(1.5000-2.j)"),
    (f32([1.0, 2.0, 3.0]), "tensor([1., 2., 3.])"),
    (f32([1.0, 2.5, -3.0]), "tensor([ 1.0000,  2.5000, -3.0000])"),
    (f32([0.0, -0.0]), "tensor([0., -0.])"),
    (f32([0.5, -0.0, 0.0]), "tensor([0.5000, -0.0000, 0.0000])"),
    (f32([1.0, 1000.0]), "tensor([   1., 1000.])"),
    (f32([1.0, 1001.0]), "tensor([1.0000e+00, 1.0010e+03])"),
    (f32([0.1, 100.0]), "tensor([  0.1000, 100.0000])"),
    (f32([0.1, 100.5]), "tensor([1.0000e-01, 1.0050e+02])"),
    (f32([1e8, 2e8]), "tensor([1.0000e+08, 2.0000e+08])"),
    (f32([99999999.0, 1e8]), "tensor([100000000., 100000000.])"),
    (f32([0.0001, 0.00015]), "tensor([1.0000e-04, 1.5000e-04])"),
    (f32([0.00009, 0.00008]), "tensor([9.0000e-05, 8.0000e-05])"),
    (f32([0.0, 1e-5]), "tensor([0.0000e+00, 1.0000e-05])"),
    (f32([1.0, 1e-5]), "tensor([1.0000e+00, 1.0000e-05])"),
    (np.array([5e-324, 1.7e308], dtype=np.float64), "tensor([4.9407e-324, 1.7000e+308], dtype=torch.float64)"),
    (f32([1e-40, 1.0]), "tensor([9.9999e-41, 1.0000e+00])"),
    (f32([1.0, np.inf, np.nan, -np.inf]), "tensor([1., inf, nan, -inf])"),
    (f32([0.5, np.inf, np.nan]), "tensor([0.5000,    inf,    nan])"),
    (f32([np.nan, np.inf, 0.0]), "tensor([nan, inf, 0.])"),
    (f32([12345.5, np.nan]), "tensor([12345.5000,        nan])"),
    (f32([1e-9, np.inf]), "tensor([1.0000e-09,        inf])"),
    (np.array([True, False]), "tensor([ True, False])"),
    (np.array([[True], [True]]), "tensor([[True],\n        [True]])"),
    (np.array([1, -20, 300]), "tensor([  1, -20, 300])"),
    (np.array([-9223372036854775808, 0]), "tensor([-9223372036854775808,                    0])"),
    (np.array([0, 255], dtype=np.uint8), "tensor([  0, 255], dtype=torch.uint8)"),
    (np.array([-128, 5], dtype=np.int8), "tensor([-128,    5], dtype=torch.int8)"),
    (np.array([1, 30000], dtype=np.int16), "tensor([    1, 30000], dtype=torch.int16)"),
    (np.array([1, 2], dtype=np.int32), "tensor([1, 2], dtype=torch.int32)"),
    (np.array([65535, 1], dtype=np.uint16), "tensor([65535,     1], dtype=torch.uint16)"),
    (np.array([4294967295], dtype=np.uint32), "tensor([4294967295], dtype=torch.uint32)"),
    (np.array([18446744073709551615, 0], dtype=np.uint64),
     "tensor([18446744073709551615,                    0], dtype=torch.uint64)"),
    (np.array([0.1, 65504.0], dtype=np.float16), "tensor([9.9976e-02, 6.5504e+04], dtype=torch.float16)"),
    (np.array([1.0, -2.0], dtype=np.float16), "tensor([ 1., -2.], dtype=torch.float16)"),
    (np.array([0.1, 3.14159], dtype=bfloat16), "tensor([0.1001, 3.1406], dtype=torch.bfloat16)"),
    (np.array([1.0, 2.0], dtype=bfloat16), "tensor([1., 2.], dtype=torch.bfloat16)"),
    (np.array([0.1, 2.0], dtype=np.float64), "tensor([0.1000, 2.0000], dtype=torch.float64)"),
    (c64([1 + 2j, -1 - 0.5j]), "tensor([ 1.+2.0000j, -1.-0.5000j])"),
    (c64([1j, 2 + 0j]), "tensor([0.+1.j, 2.+0.j])"),
    (c64([complex(0.0, -0.0), complex(np.nan, np.inf)]), "tensor([0.-0.j, nan+infj])"),
    (c64([1e-5 + 1j, 10 - 300000.5j]), "tensor([1.0000e-05+1.0000e+00j, 1.0000e+01-3.0000e+05j])"),
    (np.array([1 + 2j], dtype=np.complex128), "tensor([1.+2.j], dtype=torch.complex128)"),
    (f32(np.zeros(0)), "tensor([])"),
    (f32(np.zeros((2, 0))), "tensor([], size=(2, 0))"),
    (np.zeros((0, 3), dtype=np.float64), "tensor([], size=(0, 3), dtype=torch.float64)"),
    (np.zeros(0, dtype=np.int64), "tensor([], dtype=torch.int64)"),
    (np.zeros((1, 0, 2), dtype=bool), "tensor([], size=(1, 0, 2), dtype=torch.bool)"),
    (np.zeros(0, dtype=np.complex64), "tensor([], dtype=torch.complex64)"),
    (f32(np.zeros((1, 1, 1))), "tensor([[[0.]]])"),
]

LAYOUTS = [
    (f32(np.arange(6.0).reshape(2, 3)), {}, """\
tensor([[0., 1., 2.],
        [3., 4., 5.]])"""),
    (f32(np.arange(6.0).reshape(2, 3).T), {}, """\
tensor([[0., 3.],
        [1., 4.],
        [2., 5.]])"""),
    (np.arange(10)[::-3], {}, "tensor([9, 6, 3, 0])"),
    (np.arange(8).reshape(2, 2, 2), {}, """\
tensor([[[0, 1],
         [2, 3]],

        [[4, 5],
         [6, 7]]])"""),
    (f32(np.arange(4.0).reshape(2, 1, 2, 1, 1)), {}, """\
tensor([[[[[0.]],

          [[1.]]]],



        [[[[2.]],

          [[3.]]]]])"""),
    (f32(np.linspace(0, 1, 12)), {}, """\
tensor([0.0000, 0.0909, 0.1818, 0.2727, 0.3636, 0.4545, 0.5455, 0.6364, 0.7273,
        0.8182, 0.9091, 1.0000])"""),
    (np.arange(30), {}, """\
tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,
        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])"""),
    (np.arange(1000).reshape(500, 2)[:3], {}, """\
tensor([[0, 1],
        [2, 3],
        [4, 5]])"""),
    (np.arange(1001), {}, "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    (f32(np.arange(1001.0) / 4), {}, "tensor([  0.0000,   0.2500,   0.5000,  ..., 249.5000, 249.7500, 250.0000])"),
    (np.arange(1200).reshape(300, 4), {}, """\
tensor([[   0,    1,    2,    3],
        [   4,    5,    6,    7],
        [   8,    9,   10,   11],
        ...,
        [1188, 1189, 1190, 1191],
        [1192, 1193, 1194, 1195],
        [1196, 1197, 1198, 1199]])"""),
    (np.arange(40000).reshape(200, 200), {}, """\
tensor([[    0,     1,     2,  ...,   197,   198,   199],
        [  200,   201,   202,  ...,   397,   398,   399],
        [  400,   401,   402,  ...,   597,   598,   599],
        ...,
        [39400, 39401, 39402,  ..., 39597, 39598, 39599],
        [39600, 39601, 39602,  ..., 39797, 39798, 39799],
        [39800, 39801, 39802,  ..., 39997, 39998, 39999]])"""),
    (np.arange(24).reshape(2, 3, 4), {"threshold": 5, "edgeitems": 1}, """\
tensor([[[ 0,  ...,  3],
         ...,
         [ 8,  ..., 11]],

        [[12,  ..., 15],
         ...,
         [20,  ..., 23]]])"""),
    (np.arange(4096).reshape(8, 8, 8, 8), {"edgeitems": 1}, """\
tensor([[[[   0,  ...,    7],
          ...,
          [  56,  ...,   63]],

         ...,

         [[ 448,  ...,  455],
          ...,
          [ 504,  ...,  511]]],


        ...,


        [[[3584,  ..., 3591],
          ...,
          [3640,  ..., 3647]],

         ...,

         [[4032,  ..., 4039],
          ...,
          [4088,  ..., 4095]]]])"""),
    (np.arange(7), {"threshold": 6}, "tensor([0, 1, 2,  ..., 4, 5, 6])"),
    (np.arange(6), {"threshold": 5}, "tensor([0, 1, 2, 3, 4, 5])"),
    (np.arange(3), {"edgeitems": 0}, "tensor([0, 1, 2], size=(3,))"),
    (np.arange(7, dtype=np.int32), {"edgeitems": 0, "threshold": 6}, "tensor([...], size=(7,), dtype=torch.int32)"),
    (f32(np.arange(12.0) * 1.5), {"linewidth": 30}, """\
tensor([ 0.0000,  1.5000,
         3.0000,  4.5000,
         6.0000,  7.5000,
         9.0000, 10.5000,
        12.0000, 13.5000,
        15.0000, 16.5000])"""),
    (f32(np.arange(6.0).reshape(2, 3)), {"linewidth": 1}, """\
tensor([[0.,
         1.,
         2.],
        [3.,
         4.,
         5.]])"""),
    (np.arange(8).reshape(1, 1, 8), {"linewidth": 20}, """\
tensor([[[0, 1, 2,
          3, 4, 5,
          6, 7]]])"""),
    (c64([1 + 2j, 3.5 - 4j, 5 + 0j]), {"linewidth": 30}, """\
tensor([1.0000+2.j,
        3.5000-4.j,
        5.0000+0.j])"""),
    (f32(np.arange(20.0)), {"edgeitems": 4, "threshold": 10, "linewidth": 25}, """\
tensor([ 0.,  1.,  2.,
         3.,  ..., 16.,
        17., 18., 19.])"""),
    (f32([1 / 3, 2.0]), {"precision": 2}, "tensor([0.33, 2.00])"),
    (f32([1 / 3, 2.0]), {"precision": 0}, "tensor([0, 2])"),
    (np.array([1 / 3, 2.0], dtype=np.float64), {"precision": 10},
     "tensor([0.3333333333, 2.0000000000], dtype=torch.float64)"),
    (f32([1.0, -2.0]), {"sci_mode": True}, "tensor([ 1.0000e+00, -2.0000e+00])"),
    (f32([0.25, -2.0]), {"sci_mode": True, "precision": 2}, "tensor([ 2.50e-01, -2.00e+00])"),
    (f32([0.0, np.inf]), {"sci_mode": True}, "tensor([0., inf])"),
    (f32([1.0, 100000.0]), {"sci_mode": False}, "tensor([     1., 100000.])"),
    (f32([1e-6, 0.5]), {"sci_mode": False}, "tensor([0.0000, 0.5000])"),
    (c64([1.5 + 1e-6j, 2.5 - 1j]), {"sci_mode": False}, "tensor([1.5000+0.0000j, 2.5000-1.0000j])"),
    (c64([2.0 + 1j]), {"sci_mode": True}, "tensor([2.0000e+00+1.0000e+00j])"),
    (f32(np.arange(50.0).reshape(5, 10) / 8), {"profile": "short", "threshold": 20}, """\
tensor([[0.00, 0.12,  ..., 1.00, 1.12],
        [1.25, 1.38,  ..., 2.25, 2.38],
        ...,
        [3.75, 3.88,  ..., 4.75, 4.88],
        [5.00, 5.12,  ..., 6.00, 6.12]])"""),
]
# fmt: on


@pytest.mark.parametrize(("array", "text"), VALUES, ids=[text for _, text in VALUES])
def test_values(array, text):
    assert tensor_repr(Tensor(array)) == text


@pytest.mark.parametrize(("array", "options", "text"), LAYOUTS)
def test_layouts(array, options, text):
    with printoptions(**options):
        assert tensor_repr(Tensor(array)) == text


CUDA, META = device("cuda:0"), device("meta")
ADD = Node("AddBackward0")
NINES = f32(np.full(9, 0.5))

# fmt: off
SUFFIXES = [
    (Tensor(f32([1]), requires_grad=True), "tensor([1.], requires_grad=True)"),
    (Tensor(f32([1]), requires_grad=True, grad_fn=ADD), "tensor([1.], grad_fn=<AddBackward0>)"),
    (Tensor(f32([]), requires_grad=True), "tensor([], requires_grad=True)"),
    (Tensor(np.zeros((2, 0)), grad_fn=ADD), "tensor([], size=(2, 0), dtype=torch.float64, grad_fn=<AddBackward0>)"),
    (Tensor(np.ones(2), device=CUDA, requires_grad=True),
     "tensor([1., 1.], device='cuda:0', dtype=torch.float64, requires_grad=True)"),
    (Tensor(f32(np.ones((2, 3))), device=META), "tensor(..., device='meta', size=(2, 3))"),
    (Tensor(np.ones(2, np.int64), device=META), "tensor(..., device='meta', size=(2,), dtype=torch.int64)"),
    (Tensor(f32([]), device=META, requires_grad=True), "tensor(..., device='meta', size=(0,), requires_grad=True)"),
    (Tensor(NINES), "tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000])"),
    (Tensor(NINES, requires_grad=True), """\
tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000],
       requires_grad=True)"""),
    (Tensor(NINES.astype(np.float64), grad_fn=ADD), """\
tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000],
       dtype=torch.float64, grad_fn=<AddBackward0>)"""),
    (Tensor(NINES[:6], requires_grad=True),
     "tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000], requires_grad=True)"),
    (Tensor(NINES[:6].astype(np.float64), grad_fn=Node("MulBackward0")), """\
tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000], dtype=torch.float64,
       grad_fn=<MulBackward0>)"""),
    (Weight(f32([[1, 2], [3, 4]])), """\
Weight([[1., 2.],
        [3., 4.]])"""),
]
# fmt: on


@pytest.mark.parametrize(("tensor", "text"), SUFFIXES)
def test_suffixes(tensor, text):
    assert tensor_repr(tensor) == text


@pytest.mark.parametrize("length", range(53, 59))
def test_suffix_moves_to_its_own_line_where_the_last_one_is_full(length):
    tensor = Tensor(f32([1]), grad_fn=Node("N" * length))
    separator = " " if length <= 55 else "\n       "
    assert tensor_repr(tensor) == f"tensor([1.],{separator}grad_fn=<{'N' * length}>)"


def test_invalid_history_is_printed_not_raised():
    class Overwritten(Tensor):
        @property
        def grad_fn(self):
            raise RuntimeError("a view was modified in place")

        @grad_fn.setter
        def grad_fn(self, node):
            pass

    assert tensor_repr(Overwritten(f32([2]))) == "Overwritten([2.], grad_fn=<Invalid>)"


def test_parameters():
    data = f32([[1], [2]])
    assert parameter_repr(Parameter(data, requires_grad=True)) == (
        "Parameter containing:\ntensor([[1.],\n        [2.]], requires_grad=True)"
    )
    assert parameter_repr(Parameter(data)) == "Parameter containing:\ntensor([[1.],\n        [2.]])"
    assert parameter_repr(Weight(data, requires_grad=True)) == (
        "Parameter containing:\nParameter(Weight([[1.],\n        [2.]], requires_grad=True))"
    )


# fmt: off
DEFAULT_DTYPES = [
    (dtypes.float64,  np.ones(1),                "tensor([1.])"),
    (dtypes.float64,  f32([1]),                  "tensor([1.], dtype=torch.float32)"),
    (dtypes.float64,  np.array([1j]),            "tensor([0.+1.j])"),
    (dtypes.float64,  c64([1j]),                 "tensor([0.+1.j], dtype=torch.complex64)"),
    (dtypes.float64,  np.zeros((0, 2), complex), "tensor([], size=(0, 2), dtype=torch.complex128)"),
    (dtypes.float64,  np.zeros(0),               "tensor([])"),
    (dtypes.float16,  c64([1j]),                 "tensor([0.+1.j])"),
    (dtypes.float16,  np.ones(1, np.float16),    "tensor([1.])"),
    (dtypes.bfloat16, np.ones(1, bfloat16),      "tensor([1.])"),
    (dtypes.bfloat16, np.ones(1, np.int64),      "tensor([1])"),
]
# fmt: on


@pytest.mark.parametrize(("default", "array", "text"), DEFAULT_DTYPES)
def test_the_default_dtype_goes_without_saying(default, array, text):
    dtypes.set_default_dtype(default)
    assert tensor_repr(Tensor(array)) == text


def test_only_the_edges_of_a_large_tensor_are_read():
    petabytes = np.broadcast_to(np.float32(1.5), (10**6, 10**6, 10**3))
    assert tensor_repr(Tensor(petabytes)).count("1.5000") == 6**3


def test_only_the_edges_leave_the_device():
    fetched = []

    class OnDevice:
        def __init__(self, array):
            self._array, self.dtype, self.shape, self.size = array, array.dtype, array.shape, array.size

        def __getitem__(self, index):
            return OnDevice(self._array[index])

        def get(self):
            fetched.append(self.size)
            return self._array

    text = "tensor([   0,    1,    2,  ..., 1997, 1998, 1999], device='cuda:0')"
    assert tensor_repr(Tensor(OnDevice(np.arange(2000)), device=CUDA)) == text
    assert fetched == [3, 3]


DEFAULT = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}

# fmt: off
OPTIONS = [
    ({"precision": 2, "linewidth": 100},                    {"precision": 2, "linewidth": 100}),
    ({"threshold": 7, "edgeitems": 0, "sci_mode": False},   {"threshold": 7, "edgeitems": 0, "sci_mode": False}),
    ({"profile": "short"},                                  {"precision": 2, "edgeitems": 2}),
    ({"profile": "full"},                                   {"threshold": math.inf}),
    ({"profile": "short", "edgeitems": 9, "sci_mode": True}, {"precision": 2, "edgeitems": 9, "sci_mode": True}),
]
# fmt: on


@pytest.mark.parametrize(("given", "changed"), OPTIONS)
def test_set_printoptions(given, changed):
    assert get_printoptions() == DEFAULT
    set_printoptions(**given)
    assert get_printoptions() == {**DEFAULT, **changed}


def test_options_not_named_are_kept_except_sci_mode():
    set_printoptions(precision=2, sci_mode=True)
    set_printoptions(edgeitems=5)
    assert get_printoptions() == {**DEFAULT, "precision": 2, "edgeitems": 5}
    set_printoptions(profile="no such profile")
    assert get_printoptions() == {**DEFAULT, "precision": 2, "edgeitems": 5}
    set_printoptions(profile="default")
    assert get_printoptions() == DEFAULT


def test_printoptions_restores_what_was_set_before():
    set_printoptions(precision=2, sci_mode=True)
    with pytest.raises(KeyError), printoptions(precision=6):
        assert get_printoptions() == {**DEFAULT, "precision": 6}
        raise KeyError
    assert get_printoptions() == {**DEFAULT, "precision": 2, "sci_mode": True}
    with pytest.raises(TypeError, match="bogus"), printoptions(bogus=1):
        pass


FLOATS = st.sampled_from([np.float16, np.float32, np.float64, bfloat16, np.complex64, np.complex128])
INTEGERS = st.one_of(arrays.integer_dtypes(endianness="="), arrays.unsigned_integer_dtypes(endianness="="))
EXACT = st.one_of(arrays.boolean_dtypes(), INTEGERS)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9)
NUMBERS = st.one_of(
    st.floats(),
    st.floats(-2, 2),
    st.integers(-2000, 2000).map(float),
    st.sampled_from([0.0, -0.0, 1.0, 1000.0, 1001.0, 1e8, 1e-4, 9.9e-5, math.inf, math.nan]),
)


@st.composite
def printable(draw):
    """An array of any dtype, or a strided view of one."""
    shape = draw(SHAPES)
    if draw(st.booleans()):
        array = draw(arrays.arrays(draw(EXACT), shape))
    else:
        dtype = np.dtype(draw(FLOATS))
        array = draw(arrays.arrays(np.float64, shape, elements=NUMBERS))
        with np.errstate(all="ignore"):
            if dtype.kind == "c":
                array = array + 1j * np.flip(array)
            array = np.asarray(array).astype(dtype)  # a 0-dim sum is a scalar
    return array.T if draw(st.booleans()) else array


SOME_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 12),
        "threshold": st.sampled_from([0, 1, 10, 100, 1000, math.inf]),
        "edgeitems": st.integers(0, 5),
        "linewidth": st.integers(0, 160),
        "profile": st.sampled_from(["default", "short", "full"]),
        "sci_mode": st.sampled_from([True, False, None]),
    },
)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@settings(deadline=None, max_examples=300)
@given(array=printable(), options=SOME_OPTIONS, wants_grad=st.booleans())
def test_prints_as_pytorch_does(torch, array, options, wants_grad):
    if array.dtype == bfloat16:
        theirs = torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    else:
        theirs = torch.from_numpy(array)
    wants_grad = wants_grad and array.dtype.kind not in "biu"
    theirs.requires_grad_(wants_grad)
    with printoptions(**options), torch._tensor_str.printoptions(**options):
        assert tensor_repr(Tensor(array, requires_grad=wants_grad)) == repr(theirs)


def test_classes_print_under_pytorchs_names():
    kinds = {
        "torch.Tensor": taper.Tensor,
        "torch.Size": type(taper.ones(2).shape),
        "torch.dtype": taper.dtype,
        "torch.device": taper.device,
        "torch.nn.parameter.Parameter": taper.nn.Parameter,
        "torch._C.Generator": taper.Generator,
    }
    for name, kind in kinds.items():
        assert repr(kind) == f"<class '{name}'>"

    class Mine(taper.Tensor):
        pass

    assert repr(Mine) == f"<class '{__name__}.test_classes_print_under_pytorchs_names.<locals>.Mine'>"
