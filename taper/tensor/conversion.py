"""Conversion: to another dtype or device, to NumPy and Python, copies, pickles; what Python's protocols ask of a tensor."""

from __future__ import annotations

import copy

import numpy as np

from .. import dtypes
from ..autograd.dispatch import apply
from ..autograd.places import memory_owner
from ..autograd.recording import node_of
from ..autograd.tape import UNCOUNTED, Variable, counter_of, wrap
from ..backends.cpu.layouts import is_channels_last
from ..backends.cuda import driver
from ..backends.device import CPU
from ..backends.device import device as places
from ..backends.transfer import moved, place_of
from ..errors import warn
from ..ops.movement import astype, to_device
from .creation import from_numpy
from .factory import place, place_on_gpu
from .formats import RANKS, check_memory_format, preserve_format, strided
from .memory import clone, contiguous
from .shared import for_pickle, is_shared, share_memory_

__all__ = [
    "is_tensor",
    "is_storage",
    "is_floating_point",
    "is_complex",
    "is_signed",
    "is_nonzero",
    "numel",
    "result_type",
    "promote_types",
    "from_dlpack",
    "get_device",
    "to_dlpack",
]


_class = type  # the name is a tensor's method below


def to(self, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=None):
    """This tensor in another dtype or on another device: `to(dtype)`, `to(device)`, `to(device, dtype)`, `to(other)`.

    memory_format: channels_last or channels_last_3d to have it lie so. Returns the tensor itself if nothing changes and
    `copy` is False. Differentiable. RuntimeError for a memory format that wants another number of dimensions.
    """
    if args:
        if len(args) == 1 and args[0].__class__ is dtypes.dtype:
            dtype = args[0]
        else:
            device, dtype, non_blocking, copy = _asked(args, device, dtype, non_blocking, copy)
    if device is not None or args and isinstance(args[0], Variable):
        where = place(device) if device is not None else place_of(args[0]._array)
        source = place_of(self._array)
        if source != where:
            self = apply(to_device, self, where=where, source=source, non_blocking=non_blocking is True)
            copy = False
    if dtype is not None and dtype.np != self._array.dtype:
        self, copy = _cast(self, dtype), False
    if memory_format in (None, preserve_format):
        return self.clone() if copy else self
    if copy or memory_format in RANKS and not is_channels_last(self._array):
        return clone(self, memory_format=memory_format)
    return contiguous(self, memory_format)


def _cast(self, dtype: dtypes.dtype):
    """This tensor in another dtype, with a warning where a part of its numbers is lost."""
    if self._array.dtype.kind == "c" and dtype.np.kind not in "cb" and self._array.size:
        warn("Casting complex values to real discards the imaginary part")
    return apply(astype, self, dtype=dtype.np)


def _asked(args: tuple, device, dtype, non_blocking, copy):
    """Device, dtype, non_blocking and copy from what was given in order: [device,] [dtype,] [non_blocking,] [copy], or a tensor first."""
    first, *rest = args
    if isinstance(first, Variable):
        dtype = first.dtype
    elif _is_dtype(first):
        dtype = dtypes.from_numpy(dtypes.to_numpy(first))
    elif first is None or isinstance(first, (str, int, places)) and not isinstance(first, bool):
        device = first
        if rest and (rest[0] is None or _is_dtype(rest[0])):
            dtype = None if rest[0] is None else dtypes.from_numpy(dtypes.to_numpy(rest[0]))
            del rest[0]
    else:
        rest = [first]
    if len(rest) > 2 or not all(isinstance(flag, bool) for flag in rest):
        given = ", ".join(arg.__class__.__name__ for arg in args)
        raise TypeError(f"to() received an invalid combination of arguments - got ({given})")
    return device, dtype, rest[0] if rest else non_blocking, rest[1] if len(rest) > 1 else copy


def _is_dtype(value) -> bool:
    return isinstance(value, dtypes.dtype) or (
        value in (float, int, bool, complex) if isinstance(value, _class) else False
    )


def _to(dtype: dtypes.dtype, name: str):
    """The method that converts to one dtype."""

    def method(self, memory_format=None):
        if memory_format is not None:
            check_memory_format(memory_format)
        result = self if self._array.dtype == dtype.np else _cast(self, dtype)
        return result if memory_format in (None, preserve_format) else contiguous(result, memory_format)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"This tensor as {dtype!r}; itself if it is that."
    return method


_TYPE_WORDS = {
    **{"float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "uint8": "Byte"},
    **{"int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long", "bool": "Bool"},
    **{"complex64": "ComplexFloat", "complex128": "ComplexDouble"},
    **{"uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64"},
}
_BY_WORD = {word: dtypes.BY_NAME[name] for name, word in _TYPE_WORDS.items()}


def legacy_type(dtype: dtypes.dtype, device: places = CPU) -> str:
    """The name of the legacy tensor class of a dtype: torch.FloatTensor, torch.cuda.FloatTensor."""
    room = "torch" if device.type == "cpu" else f"torch.{device.type}"
    return f"{room}.{_TYPE_WORDS[dtype.name]}Tensor"


def type(self, dtype=None, non_blocking=False):
    """The legacy type name, or this tensor converted to `dtype` (a dtype, a legacy class, or its name)."""
    if dtype is None:
        return legacy_type(self.dtype, place_of(self._array))
    if isinstance(dtype, str):
        word = dtype.removeprefix("torch.").removeprefix("cuda.").removesuffix("Tensor")
        if word not in _BY_WORD:
            raise ValueError(f"invalid type: '{dtype}'")
        self = cuda(self) if dtype.startswith("torch.cuda.") else cpu(self)
        dtype = _BY_WORD[word]
    wanted = getattr(dtype, "dtype", dtype)
    if not isinstance(wanted, dtypes.dtype):
        if isinstance(wanted, _class):
            raise ValueError(f"invalid type: '{wanted.__name__}'")
        raise TypeError("dtype must be a type, str, or dtype object")
    return to(self, wanted)


def type_as(self, other):
    """This tensor in the dtype of `other`, and where that is."""
    return to(self, other)


def cpu(self, memory_format=None):
    """This tensor on the CPU; itself if it is there."""
    if memory_format is not None:
        check_memory_format(memory_format)
    made = self if self._array.__class__ is np.ndarray else to(self, device=CPU)
    return made if memory_format in (None, preserve_format) else contiguous(made, memory_format)


def cuda(self, device=None, non_blocking=False, memory_format=None):
    """This tensor on a GPU, by default the current one; itself if it is there. AssertionError where none is usable."""
    where = place_on_gpu(device)
    if where.type != "cuda":
        raise RuntimeError(f"Invalid device, must be cuda device: got {where}")
    return to(self, device=where, non_blocking=non_blocking, memory_format=memory_format)


def pin_memory(self, device=None):
    """A copy in memory that the operating system keeps in place, which GPUs read by themselves; itself if it is pinned.

    RuntimeError for a tensor on a GPU, and without a GPU.
    """
    if place_of(self._array) is not CPU:
        raise RuntimeError(f"cannot pin '{legacy_type(self.dtype, self.device)}' only dense CPU tensors can be pinned")
    if not driver.count():
        raise RuntimeError(
            "Cannot access accelerator device when none is available: pin_memory needs a GPU. Choose by "
            "taper.cuda.is_available()."
        )
    return self if is_pinned(self) else wrap(driver.pinned(self._array))


def is_pinned(self, device=None) -> bool:
    """Whether this is the CPU's memory that `pin_memory` made."""
    return self._array.__class__ is np.ndarray and driver.is_pinned(self._array)


def get_device(self) -> int:
    """The number of the tensor's GPU; -1 for a tensor on the CPU."""
    where = place_of(self._array)
    return -1 if where.index is None else where.index


def is_tensor(obj) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Variable)


def is_storage(obj) -> bool:
    """Whether `obj` is the storage of a tensor."""
    return obj.__class__.__name__ in ("UntypedStorage", "TypedStorage")


def is_floating_point(input) -> bool:
    """Whether the elements are floating point numbers (complex numbers are not)."""
    return dtypes.category(input._array.dtype) == dtypes.FLOATING


def is_complex(input) -> bool:
    """Whether the elements are complex."""
    return input._array.dtype.kind == "c"


def is_signed(input) -> bool:
    """Whether the dtype has negative numbers."""
    return input.dtype.is_signed


def is_nonzero(input) -> bool:
    """The truth of a tensor of one element. RuntimeError for any other."""
    return __bool__(input)


def numel(input) -> int:
    """The number of elements."""
    return input._array.size


def result_type(tensor1, tensor2) -> dtypes.dtype:
    """The dtype of an operation on two tensors or numbers."""
    plain = [t._array if isinstance(t, Variable) else t for t in (tensor1, tensor2)]
    return dtypes.from_numpy(dtypes.result_type(plain))


def promote_types(type1: dtypes.dtype, type2: dtypes.dtype) -> dtypes.dtype:
    """The smallest dtype to which both convert."""
    return dtypes.from_numpy(dtypes.promote_types(type1.np, type2.np))


def _only_element(self):
    """The single element, as Python's number protocols need it."""
    array = self._array
    if array.size != 1:
        raise ValueError(
            f"only one element tensors can be converted to Python scalars, not one of {array.size} elements"
        )
    return array.item()


def _warn_of_lost_gradient(self) -> None:
    if node_of(self) is not None:
        warn(
            "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
            "Consider using tensor.detach() first."
        )


def __float__(self) -> float:
    value = _only_element(self)
    _warn_of_lost_gradient(self)
    if isinstance(value, complex):
        if value.imag:
            raise RuntimeError("value cannot be converted to type double without overflow")
        value = value.real
    return float(value)


def __int__(self) -> int:
    value = _only_element(self)
    _warn_of_lost_gradient(self)
    if isinstance(value, complex):
        if value.imag:
            raise RuntimeError("value cannot be converted to type int64_t without overflow")
        value = value.real
    return int(value)


def __complex__(self) -> complex:
    value = _only_element(self)
    _warn_of_lost_gradient(self)
    return complex(value)


def __index__(self) -> int:
    if self._array.dtype.kind not in "biu" or self._array.size != 1:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self._array.item())


def __bool__(self) -> bool:
    array = self._array
    if array.size == 1:
        return bool(array.item())
    if array.size == 0:
        raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
    raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")


def __format__(self, spec: str) -> str:
    if self._array.ndim == 0 and self.__class__.__name__ == "Tensor":
        return self.item().__format__(spec)
    return object.__format__(self, spec)


def __array__(self, dtype=None, copy=None):
    array = self.numpy()
    return array if dtype is None else array.astype(dtype, copy=False)


def __array_wrap__(self, array, context=None, return_scalar=False):
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) if context is None else array
    return from_numpy(np.asarray(array))


def __deepcopy__(self, memo):
    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. If you "
            "were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    made = self.__class__.__new__(self.__class__)
    memo[id(self)] = made
    made._array, made._node, made._counter = _copied_memory(self._array, memo), None, None
    if self.requires_grad:
        made.requires_grad_()
    made._grad = copy.deepcopy(self._grad, memo)
    for name, value in self.__dict__.items():
        if name not in ("_grad", "_view", "_retains", "_reshaped"):
            made.__dict__[name] = copy.deepcopy(value, memo)
    return made


def _copied_memory(array: np.ndarray, memo: dict) -> np.ndarray:
    """A copy of an array in which views of one memory stay views of one memory, as far as one deepcopy reaches."""
    if array.__class__ is not np.ndarray:
        copied = memo.get(id(array))
        if copied is None:
            copied = memo[id(array)] = copy.deepcopy(array)
        return copied
    owner = memory_owner(array)
    if owner is array or not isinstance(owner, np.ndarray):
        copied = memo.get(id(array))
        if copied is None:
            copied = memo[id(array)] = array.copy(order="K")
        return copied
    twin = memo.get(id(owner))
    if twin is None:
        twin = memo[id(owner)] = owner.copy(order="K")
    if not owner.flags.forc or twin.strides != owner.strides:
        return array.copy(order="K")
    offset = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    return np.ndarray(
        array.shape, array.dtype, twin.data.cast("B") if twin.flags.c_contiguous else twin.T, offset, array.strides
    )


def __reduce_ex__(self, protocol):
    state = {k: v for k, v in self.__dict__.items() if k not in ("_grad", "_view", "_retains", "_reshaped")}
    if not self.is_leaf and self.requires_grad:
        raise RuntimeError(
            "Only leaf tensors can be pickled: detach() this result of a computation first, its history cannot be stored."
        )
    where = place_of(self._array)
    array = for_pickle(moved(self._array, CPU))
    there = (self.__class__, array, self.requires_grad, state)
    return _rebuilt, there if where is CPU else (*there, where)


def _rebuilt(cls, array, requires_grad, state, where=CPU):
    """A tensor from its pickle."""
    made = cls.__new__(cls)
    made._array, made._node, made._counter = moved(array, place(where)), None, None
    made.__dict__.update(state)
    return made.requires_grad_() if requires_grad else made


def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    if node_of(self) is not None:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    counter_of(self)
    if self._array.__class__ is not np.ndarray:
        return self._array.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)
    return self._array.__dlpack__()


def __dlpack_device__(self):
    return self._array.__dlpack_device__()


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor that shares memory with another library's tensor (an object with `__dlpack__`)."""
    if hasattr(ext_tensor, "__dlpack_device__") and int(ext_tensor.__dlpack_device__()[0]) == _ON_GPU:
        made = wrap(driver.from_dlpack(ext_tensor))
        made = made.clone() if copy else made
        return made if device is None else made.to(device)
    if device is not None and place(device) is not CPU:
        return from_dlpack(ext_tensor).to(device)
    array = np.from_dlpack(ext_tensor)
    if not array.flags.writeable:
        array = _writable(array)
    return wrap(array.copy() if copy else array)


_ON_GPU = 2  # DLPack's number of CUDA's memory


def _writable(array: np.ndarray) -> np.ndarray:
    """The same memory as an array that may be written: NumPy marks what it imports read-only."""
    if 0 in array.shape:
        return np.empty_like(array)
    interface = dict(array.__array_interface__)
    interface["data"] = (interface["data"][0], False)
    holder = _Memory()
    holder.__array_interface__, holder.owner = interface, array
    return np.asarray(holder)


class _Memory:
    """Memory that another object owns, as an array interface."""


def to_dlpack(tensor):
    """A DLPack capsule over the memory of a tensor."""
    return __dlpack__(tensor)


def chalf(self, memory_format=None):
    """NotImplementedError: complex numbers of 32 bits are not part of Taper. Use cfloat."""
    return to(self, dtypes.ABSENT["complex32"])


class ConversionMethods:
    """Conversions, and Python's protocols for numbers, copies and arrays."""

    __slots__ = ()

    chalf = chalf
    to = to
    type = type
    type_as = type_as
    cpu = cpu
    cuda = cuda
    pin_memory = pin_memory
    share_memory_ = share_memory_
    float = _to(dtypes.float32, "float")
    double = _to(dtypes.float64, "double")
    half = _to(dtypes.float16, "half")
    bfloat16 = _to(dtypes.bfloat16, "bfloat16")
    int = _to(dtypes.int32, "int")
    long = _to(dtypes.int64, "long")
    short = _to(dtypes.int16, "short")
    char = _to(dtypes.int8, "char")
    byte = _to(dtypes.uint8, "byte")
    bool = _to(dtypes.bool_, "bool")
    cfloat = _to(dtypes.complex64, "cfloat")
    cdouble = _to(dtypes.complex128, "cdouble")
    is_floating_point = is_floating_point
    is_complex = is_complex
    is_signed = is_signed
    is_nonzero = is_nonzero
    __float__ = __float__
    __int__ = __int__
    __complex__ = __complex__
    __index__ = __index__
    __bool__ = __bool__
    __format__ = __format__
    __array__ = __array__
    __array_wrap__ = __array_wrap__
    __deepcopy__ = __deepcopy__
    __reduce_ex__ = __reduce_ex__
    __dlpack__ = __dlpack__
    __dlpack_device__ = __dlpack_device__

    is_pinned = is_pinned
    is_shared = is_shared

    get_device = get_device

    def is_inference(self):
        """Whether the tensor was made in inference mode."""
        return self._counter is UNCOUNTED

    @property
    def layout(self):
        """taper.strided"""
        return strided

    @property
    def is_cuda(self):
        """Whether the tensor is on a GPU."""
        return self.device.type == "cuda"

    @property
    def is_cpu(self):
        """Whether the tensor is in the CPU's memory."""
        return self.device.type == "cpu"

    is_sparse = False
    is_quantized = False
    is_meta = False
    is_mps = False
    is_xpu = False
    is_xla = False
    is_ipu = False
    is_mtia = False
    is_maia = False
    is_vulkan = False
    is_mkldnn = False
    is_nested = False
