"""The user's tensor: attributes, Python's protocol, autograd's entry points. The operators' methods are mixed in by family."""

from __future__ import annotations

import weakref

import numpy as np

from .. import dtypes
from ..autograd.backward import backward
from ..autograd.hooks import Handle, extras_of
from ..autograd.inplace import base_of, check_may_record
from ..autograd.leaves import AccumulateGrad, await_leaf
from ..autograd.modes import is_grad_enabled
from ..autograd.nodes import Node, OutputOf
from ..autograd.recording import node_of
from ..autograd.tape import UNCOUNTED, Variable, alias, counter_of, version, wrap
from ..backends import device
from ..backends.transfer import place_of
from ..errors import warn
from . import printing
from .activation import ActivationMethods
from .added_products import AddedProductMethods
from .arithmetic import ArithmeticMethods
from .arrangement import ArrangementMethods
from .comparison import ComparisonMethods
from .complex_numbers import ComplexMethods
from .conversion import ConversionMethods
from .copies import CopyMethods
from .creation import CreationMethods
from .cumulative import CumulativeMethods
from .decompositions import MatrixMethods
from .elementwise import ElementwiseMethods
from .indexing import IndexingMethods
from .joining import JoiningMethods
from .legacy import constructed
from .memory import MemoryMethods
from .norms import NormMethods
from .operators import OperatorMethods
from .products import ProductMethods
from .random import RandomMethods
from .reduction import ReductionMethods
from .removed import RemovedMethods
from .scattering import ScatteringMethods
from .selection import SelectionMethods
from .shape import ShapeMethods
from .size import Size
from .sorting import SortingMethods
from .special import SpecialMethods
from .spectrum import SpectrumMethods
from .statistics import StatisticsMethods
from .writing import WritingMethods


class Tensor(
    ActivationMethods,
    AddedProductMethods,
    ArithmeticMethods,
    ArrangementMethods,
    ComparisonMethods,
    ComplexMethods,
    ConversionMethods,
    CopyMethods,
    CreationMethods,
    CumulativeMethods,
    ElementwiseMethods,
    IndexingMethods,
    JoiningMethods,
    MatrixMethods,
    MemoryMethods,
    NormMethods,
    OperatorMethods,
    ProductMethods,
    RandomMethods,
    ReductionMethods,
    RemovedMethods,
    ScatteringMethods,
    SelectionMethods,
    ShapeMethods,
    SortingMethods,
    SpecialMethods,
    SpectrumMethods,
    StatisticsMethods,
    WritingMethods,
    Variable,
    metaclass=dtypes.Titled,
):
    """An n-dimensional array of one dtype, on one device, that can record how it was computed.

    Tensors are views of memory: slices, reshapes and transposes share it, in-place operations (`add_`) write through.
    Make one with `taper.tensor(data)`; `Tensor(2, 3)` is the legacy constructor (uninitialised, default dtype).
    """

    __slots__ = ()
    _title = "torch.Tensor"
    __array_priority__ = 1000
    _retains = False

    def __new__(cls, *args, device=None):
        made = object.__new__(cls)
        if args or cls is Tensor:
            source = constructed("Tensor", dtypes.get_default_dtype(), args, device)
            made._array, made._counter = source._array, source._counter
        else:
            made._array, made._counter = np.empty(0, dtypes.get_default_dtype().np), None
        made._node = None
        return made

    def __init__(self, *args, **options):
        pass

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions, a tuple."""
        return Size(self._array.shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.from_numpy(self._array.dtype)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    @property
    def itemsize(self) -> int:
        """The size of an element in bytes."""
        return self._array.itemsize

    @property
    def output_nr(self) -> int:
        """Which of its `grad_fn`'s results this tensor is."""
        node = node_of(self)
        return node.index if node.__class__ is OutputOf else 0

    @property
    def device(self) -> device.device:
        """Where the elements live."""
        return device.CPU if self._array.__class__ is np.ndarray else place_of(self._array)

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded. Only a leaf's can be set."""
        return node_of(self) is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True):
        """Record, or stop recording, operations on this leaf; returns it. RuntimeError for a non-leaf or an integer type."""
        if requires_grad.__class__ is not bool:
            raise TypeError(
                f"requires_grad_(): argument 'requires_grad' must be bool, not {requires_grad.__class__.__name__}"
            )
        if requires_grad:
            check_may_record(self)
        node = node_of(self)
        if isinstance(node, (Node, OutputOf)):
            if not requires_grad:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
        elif not requires_grad:
            self._node = None
        elif node is None:
            if self._array.dtype.kind in "biu":
                raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
            self._node = AccumulateGrad(self)
        return self

    @property
    def is_leaf(self) -> bool:
        """True for a tensor that the user made, or that needs no gradient."""
        return not isinstance(node_of(self), (Node, OutputOf))

    @property
    def grad_fn(self):
        """The node of the operation that made this tensor; None for a leaf."""
        node = node_of(self)
        if node.__class__ is OutputOf:
            return node.node
        return node if isinstance(node, Node) else None

    @property
    def grad(self):
        """The accumulated gradient, a tensor of this shape, or None."""
        if self._grad is None and not self.is_leaf and not self._retains:
            warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't "
                "be populated during autograd.backward(). If you indeed want the .grad field to be populated for a "
                "non-leaf Tensor, use .retain_grad() on the non-leaf Tensor."
            )
        return self._grad

    @grad.setter
    def grad(self, value) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {value.__class__.__name__}"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value._array.shape != self._array.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size "
                    f"'{list(self.shape)}'. Please ensure that the gradient and the tensor are the same size"
                )
            if value._array.dtype != self._array.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{value.dtype}' to a tensor with dtype "
                    f"'{self.dtype}'. The gradient must match the tensor's dtype: grad.to(tensor.dtype)."
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self):
        """The same memory without history, whose changes autograd does not notice."""
        return self._like(wrap(self._array))

    @data.setter
    def data(self, value) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {value.__class__.__name__}")
        self._array = value._array

    def _like(self, t):
        return t

    def new(self, *args, device=None):
        """The legacy constructor with this tensor's dtype: `x.new(2, 3)` is uninitialised, `x.new([1, 2])` has data."""
        return constructed("Tensor", self.dtype, args, self.device if device is None else device)

    def as_subclass(self, cls):
        """The same memory and history as a tensor of another class. TypeError for a class that is none of tensors."""
        if not (isinstance(cls, type) and issubclass(cls, Tensor)):
            raise TypeError(
                "Creating a Tensor subclass from a class that does not inherit from Tensor is not possible. Make sure your "
                "class inherits from Tensor."
            )
        source = self.view_as(self) if self.requires_grad else self
        made = Variable.__new__(cls)
        made._array, made._node = source._array, source._node
        made._counter = alias(source, source._array)._counter
        return made

    def module_load(self, other, assign: bool = False):
        """What `load_state_dict` puts in the place of this tensor for `other`: itself with its values, or `other`."""
        return other.detach() if assign else self.copy_(other).detach()

    def detach(self):
        """The same memory without history."""
        return alias(self, self._array)

    def detach_(self):
        """Forget this tensor's history; returns it."""
        if self._view is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._node = None
        return self

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None) -> None:
        """Add to each leaf's `.grad` the gradient of this tensor, weighted by `gradient` (1 for a scalar)."""
        backward((self,), None if gradient is None else (gradient,), retain_graph, create_graph, None, inputs)

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf in `.grad` during backward."""
        node = node_of(self)
        if node is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if isinstance(node, AccumulateGrad) or self._retains:
            return
        node, index = (node.node, node.index) if node.__class__ is OutputOf else (node, 0)
        extras_of(node).retained[index] = weakref.ref(self)
        self._retains = True

    @property
    def retains_grad(self) -> bool:
        """Whether this is a non-leaf whose gradient is kept."""
        return self._retains

    def register_hook(self, hook) -> Handle:
        """Call `hook(grad)` when the gradient of this tensor is known; what it returns replaces the gradient."""
        node = node_of(self)
        if node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        node, index = (node.node, node.index) if node.__class__ is OutputOf else (node, 0)
        return Handle(extras_of(node).hooks.setdefault(index, {}), hook)

    def register_post_accumulate_grad_hook(self, hook) -> Handle:
        """Call `hook(tensor)` after a gradient was added to this leaf's `.grad`."""
        node = node_of(self)
        if not isinstance(node, AccumulateGrad):
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return Handle(await_leaf(node), hook)

    @property
    def _version(self) -> int:
        if self._counter is UNCOUNTED:
            raise RuntimeError("Inference tensors do not track version counter.")
        return version(self)

    @property
    def _base(self):
        """The tensor of which this is a view; None if it is none."""
        return None if self._view is None else base_of(self)

    def _is_view(self) -> bool:
        """Whether this is a view of another tensor."""
        return self._view is not None

    def item(self):
        """The single element as a Python number. RuntimeError for a tensor of another size."""
        array = self._array
        if array.size != 1:
            raise RuntimeError(f"a Tensor with {array.size} elements cannot be converted to Scalar")
        return _python(array.item())

    def tolist(self):
        """The elements as nested lists of Python numbers; a number for a zero-dimensional tensor."""
        array = self._array
        return array.astype(np.float64).tolist() if array.dtype == dtypes.bfloat16.np else array.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The same memory as a NumPy array. RuntimeError if the tensor requires grad, unless `force` or under no_grad."""
        if not force and node_of(self) is not None and is_grad_enabled():
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        where = self.device
        if where is not device.CPU:
            if not force:
                raise TypeError(
                    f"can't convert {where} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
                    "memory first."
                )
            return self.detach().cpu().numpy()
        if self._array.dtype == dtypes.bfloat16.np:
            raise TypeError("Got unsupported ScalarType BFloat16")
        counter_of(self)
        return np.asarray(self._array)

    def __repr__(self, *, tensor_contents=None) -> str:
        return printing.tensor_repr(self)


def _python(value):
    """A Python number; ml_dtypes' scalars become floats."""
    return value if isinstance(value, (bool, int, float, complex)) else float(value)
