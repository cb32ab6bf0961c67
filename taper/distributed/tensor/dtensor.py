"""`DTensor`: a tensor of which each process holds some rows, or all.

It has the shape of the whole, and no operators while each process holds a part: `to_local()` is that, `full_tensor()` the
whole. Parameters of sharded modules, their gradients and the state of their optimizers are such tensors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, cast

import numpy as np

from ...autograd.leaves import AccumulateGrad
from ...autograd.tape import Variable, changed, counter_of, wrap
from ...backends import NAMESPACES
from ...tensor.core import Tensor
from .. import collectives
from ..device_mesh import DeviceMesh
from ..groups import get_world_size
from .placement import Placement, Replicate, Shard, rows

__all__ = ["DTensor", "distribute_tensor", "opened"]

Layout = tuple[Placement, ...]


class _Elsewhere:
    """What stands in the place of a DTensor's array: shape and dtype of the whole, and no elements for operators to read."""

    __slots__ = ("shape", "dtype")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype):
        self.shape, self.dtype = shape, dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        return tuple(math.prod(self.shape[i + 1 :]) * self.itemsize for i in range(self.ndim))

    def __getattr__(self, name: str) -> Any:
        raise _refusal()

    def _refuse(self, *others: Any) -> Any:
        raise _refusal()

    # Python looks these up in the class.
    __getitem__ = __setitem__ = __bool__ = __len__ = __iter__ = __neg__ = __abs__ = __invert__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _refuse
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse


class _Refusing:
    """The array namespace of what is elsewhere: it has no functions."""

    def __getattr__(self, name: str) -> Any:
        raise _refusal()


def _refusal() -> NotImplementedError:
    return NotImplementedError(
        "This operation does not take sharded tensors (DTensor), of which each process holds a part. Use x.to_local() or "
        "x.full_tensor(); outside of their module's forward parameters are sharded; distributed.checkpoint saves them."
    )


NAMESPACES[_Elsewhere] = cast(ModuleType, _Refusing())


class DTensor(Tensor):
    """A tensor of the processes of a mesh. Made by `distribute_tensor`, `DTensor.from_local` and `fully_shard`."""

    __slots__ = ()

    _local_tensor: Tensor
    device_mesh: DeviceMesh
    placements: Layout

    def __new__(cls, *args, **kwargs):
        raise TypeError("DTensor: make one with distribute_tensor(tensor, mesh, placements) or DTensor.from_local")

    @staticmethod
    def made(
        local: Tensor, mesh: DeviceMesh, placements: Layout, shape: tuple[int, ...], grad: bool = False
    ) -> DTensor:
        """The DTensor of which this process holds `local`, whose memory and counter of changes it shares."""
        t = Variable.__new__(DTensor)
        shared = any(p.is_shard() for p in placements)
        t._array = _Elsewhere(tuple(shape), local._array.dtype) if shared else local._array
        t._counter = counter_of(local)
        t._node = None
        t._local_tensor, t.device_mesh, t.placements = local, mesh, placements
        if grad:
            t._node = AccumulateGrad(t)
        return t

    @staticmethod
    def from_local(
        local_tensor: Tensor,
        device_mesh: DeviceMesh,
        placements: Sequence[Placement] | None = None,
        *,
        run_check: bool = False,
        shape: tuple[int, ...] | None = None,
        stride: tuple[int, ...] | None = None,
    ) -> DTensor:
        """The DTensor of which this process holds `local_tensor`, without history. Its first dimension is the sum of the
        parts' if `shape` is not given: then all must have as many rows."""
        layout = checked(device_mesh, [Replicate()] * device_mesh.ndim if placements is None else placements)
        local = local_tensor.detach()
        whole = list(local.shape)
        for size, placement in zip(device_mesh.shape, layout):
            if placement.is_shard():
                whole[0] *= size
        return DTensor.made(local, device_mesh, layout, tuple(whole) if shape is None else tuple(shape))

    def like(self, local: Tensor) -> DTensor:
        """The DTensor that lies as this one, of which this process holds `local`."""
        return DTensor.made(local, self.device_mesh, self.placements, self._array.shape)

    def to_local(self, *, grad_placements: Any = None) -> Tensor:
        """This process's part, which shares memory, without history."""
        return self._local_tensor

    def layout_of(self, whole: Tensor) -> DTensor:
        """A tensor that all processes hold, lying as this one."""
        return cut(whole, self.device_mesh, self.placements)

    def full_tensor(self, *, grad_placements: Any = None) -> Tensor:
        """The whole, a new tensor without history; all processes of the mesh call this."""
        local = np.ascontiguousarray(self._local_tensor._array)
        for dim, placement in enumerate(self.placements):
            if placement.is_shard():
                return self._gathered(local, dim)
        return wrap(local.copy())

    def _gathered(self, local: np.ndarray, dim: int) -> Tensor:
        shape, processes = self._array.shape, self.device_mesh.size(dim)
        most = len(rows(shape[0], processes, 0))
        part = np.zeros((most, *shape[1:]), local.dtype)
        part[: local.shape[0]] = local
        out = wrap(np.empty((processes * most, *shape[1:]), local.dtype))
        collectives.all_gather_into_tensor(out, wrap(part), self.device_mesh.get_group(dim))
        return wrap(out._array[: shape[0]])

    def redistribute(
        self, device_mesh: DeviceMesh | None = None, placements: Sequence[Placement] | None = None, **options: Any
    ) -> DTensor:
        """The same tensor lying otherwise on the same mesh, without history; all processes of the mesh call this."""
        mesh = self.device_mesh if device_mesh is None else device_mesh
        if mesh != self.device_mesh:
            raise NotImplementedError(f"DTensor.redistribute: {self.device_mesh} and {mesh} differ: use full_tensor()")
        layout = self.placements if placements is None else checked(mesh, placements)
        return self.detach() if layout == self.placements else cut(self.full_tensor(), mesh, layout)

    def span(self) -> range:
        """The rows of the whole that this process holds."""
        for dim, placement in enumerate(self.placements):
            if placement.is_shard():
                return rows(self._array.shape[0], self.device_mesh.size(dim), self.device_mesh.get_local_rank(dim))
        return range(self._array.shape[0] if self._array.ndim else 1)

    def detach(self) -> DTensor:
        """The same memory without history."""
        return self.like(self._local_tensor)

    @property
    def data(self) -> DTensor:
        """The same memory without history."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, DTensor) or (value.shape, value.placements) != (self.shape, self.placements):
            raise TypeError(
                f"data of a DTensor of {tuple(self.shape)}, {self.placements} must be one that lies as it does"
            )
        self._array, self._local_tensor, self._counter = value._array, value._local_tensor, value._counter

    def to(self, *args: Any, **kwargs: Any) -> DTensor:
        """The tensor in another dtype, without history; itself if nothing changes."""
        local = self._local_tensor.to(*args, **kwargs)
        return self if local is self._local_tensor else self.like(local)

    def clone(self, *, memory_format: Any = None) -> DTensor:
        """A copy without history."""
        return self.like(wrap(self._local_tensor._array.copy()))

    def copy_(self, src: Tensor, non_blocking: bool = False) -> DTensor:
        """Take over the values of a DTensor that lies as this one, or the rows that this process holds of a tensor."""
        if isinstance(src, DTensor):
            if (src.device_mesh, src.placements) != (self.device_mesh, self.placements):
                raise RuntimeError(f"copy_: the tensors lie differently, as {src.placements} and {self.placements}")
            source = src._local_tensor._array
        else:
            source = src._array
            if source.ndim and source.shape == self._array.shape:
                source = source[self.span().start : self.span().stop]
        self._local_tensor._array[...] = source
        changed(self)
        return self

    def zero_(self) -> DTensor:
        """Make all elements 0."""
        return self.fill_(0)

    def fill_(self, value: Any) -> DTensor:
        """Make all elements one number."""
        self._local_tensor._array[...] = value
        changed(self)
        return self

    def __deepcopy__(self, memo: dict) -> DTensor:
        if id(self) not in memo:
            made = self.clone()
            if self.requires_grad:
                made.requires_grad_()
            if "_is_param" in self.__dict__:
                made._is_param = True
            memo[id(self)] = made
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise NotImplementedError(
            "DTensor: each process holds a part. Save with distributed.checkpoint.save, or save x.full_tensor()."
        )

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        local = repr(self._local_tensor)
        return f"DTensor(local_tensor={local}, device_mesh={self.device_mesh}, placements={self.placements})"


def checked(mesh: DeviceMesh, placements: Sequence[Placement]) -> Layout:
    """The placements as a layout. NotImplementedError for what Taper's DTensors cannot be."""
    layout = tuple(placements)
    if len(layout) != mesh.ndim:
        raise ValueError(
            f"`placements` must have one for each of the {mesh.ndim} dimensions of {mesh}, not {len(layout)}"
        )
    for placement in layout:
        if not (isinstance(placement, Replicate) or placement == Shard(0)):
            raise NotImplementedError(f"DTensor: {placement} is not supported. Use Shard(0) or Replicate().")
    if sum(p.is_shard() for p in layout) > 1:
        raise NotImplementedError("DTensor: rows are shared along one dimension of the mesh only: use one Shard(0)")
    return layout


def cut(whole: Tensor, mesh: DeviceMesh, layout: Layout) -> DTensor:
    """A tensor that all processes hold as one of which each keeps a copy of its part. RuntimeError for a number to shard."""
    array = whole._array
    if not array.ndim and any(p.is_shard() for p in layout):
        raise RuntimeError("a tensor without dimensions has no rows to share among processes: use Replicate()")
    made = DTensor.made(wrap(array), mesh, layout, array.shape)
    span = made.span()
    local = array[span.start : span.stop] if array.ndim else array
    return DTensor.made(wrap(np.array(local, order="C")), mesh, layout, array.shape)


def distribute_tensor(
    tensor: Tensor,
    device_mesh: DeviceMesh | None = None,
    placements: Sequence[Placement] | None = None,
    *,
    src_data_rank: int | None = 0,
) -> DTensor:
    """The first process's tensor as one of all processes of a mesh (None: of the world); all of them call this.

    placements: `Shard(0)` or `Replicate()` for each dimension of the mesh (None: replicated). src_data_rank None: each
    process takes its part of its own tensor. NotImplementedError for other placements.
    """
    mesh = device_mesh or DeviceMesh("cpu", list(range(get_world_size())))
    layout = checked(mesh, [Replicate()] * mesh.ndim if placements is None else placements)
    whole = tensor.detach()
    if src_data_rank is not None:
        whole = wrap(np.array(whole._array, order="C"))
        for dim in range(mesh.ndim):
            collectives.broadcast(whole, group=mesh.get_group(dim), group_src=src_data_rank)
    made = cut(whole, mesh, layout)
    return made.requires_grad_(tensor.requires_grad)


@contextmanager
def opened(tensors: Iterable[Any]) -> Iterator[None]:
    """A scope in which DTensors stand for this process's parts: for arithmetic that is elementwise."""
    before = [(t, t._array) for t in tensors if isinstance(t, DTensor)]
    for t, _ in before:
        t._array = t._local_tensor._array
    try:
        yield
    finally:
        for t, array in before:
            t._array = array
