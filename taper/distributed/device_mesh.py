"""`DeviceMesh`: processes in rows, columns and further dimensions, each line of which is a process group."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.tape import Variable
from .groups import ProcessGroup, default_group, get_rank, is_initialized, new_group
from .rendezvous import init_process_group

__all__ = ["DeviceMesh", "init_device_mesh"]


class DeviceMesh:
    """The processes' numbers in an array; all processes make it, with the same arguments.

    mesh: nested lists or a tensor of numbers in the world. mesh_dim_names: a name for each dimension, by which `mesh["dp"]`
    is the part of it that this process is in. ValueError for processes that are not there or named twice.
    """

    def __init__(
        self,
        device_type: str,
        mesh: Any,
        *,
        mesh_dim_names: tuple[str, ...] | None = None,
        _groups: list[ProcessGroup] | None = None,
    ):
        if device_type != "cpu":
            raise NotImplementedError(
                f"DeviceMesh: device_type is '{device_type}', but meshes are of CPU processes. Use 'cpu'."
            )
        if not is_initialized():
            init_process_group()
        ranks = np.asarray(mesh._array if isinstance(mesh, Variable) else mesh, np.int64)
        if (
            len(set(ranks.flat)) != ranks.size
            or ranks.min(initial=0) < 0
            or ranks.max(initial=0) >= default_group().size()
        ):
            raise ValueError(
                f"DeviceMesh: the mesh {ranks.tolist()} must name processes of a world of {default_group().size()} once each"
            )
        self.device_type, self.ranks = device_type, ranks
        self.mesh_dim_names = None if mesh_dim_names is None else tuple(mesh_dim_names)
        if self.mesh_dim_names is not None and len(set(self.mesh_dim_names)) != ranks.ndim:
            raise ValueError(
                f"DeviceMesh: mesh_dim_names {self.mesh_dim_names} must be {ranks.ndim} different names, one a dimension"
            )
        self._groups = self._made() if _groups is None else _groups

    def _made(self) -> list[ProcessGroup | None]:
        world = default_group()
        found: list[ProcessGroup | None] = []
        for dim in range(self.ranks.ndim):
            mine = None
            for line in np.moveaxis(self.ranks, dim, -1).reshape(-1, self.ranks.shape[dim]).tolist():
                if line == world.ranks:
                    mine = world
                    continue
                made = new_group(line)
                if isinstance(made, ProcessGroup):
                    mine = made
            found.append(mine)
        return found

    @property
    def mesh(self):
        """The processes' numbers, a tensor."""
        from ..tensor import tensor

        return tensor(self.ranks)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of processes along each dimension."""
        return self.ranks.shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.ranks.ndim

    def size(self, mesh_dim: int | None = None) -> int:
        """The number of processes, of all or along one dimension."""
        return int(self.ranks.size if mesh_dim is None else self.ranks.shape[mesh_dim])

    def get_rank(self) -> int:
        """This process's number in the world."""
        return get_rank()

    def get_coordinate(self) -> list[int] | None:
        """Where this process is in the mesh, or None."""
        places = np.argwhere(self.ranks == get_rank())
        return [int(i) for i in places[0]] if len(places) else None

    def get_local_rank(self, mesh_dim: int | str | None = None) -> int:
        """This process's place along a dimension, which a mesh of one dimension need not name."""
        at = self.get_coordinate()
        if at is None:
            raise RuntimeError(f"DeviceMesh: this process, rank {get_rank()}, is not in {self}")
        return at[self._dimension(mesh_dim)]

    def get_group(self, mesh_dim: int | str | None = None) -> ProcessGroup:
        """The process group along a dimension, which a mesh of one dimension need not name."""
        found = self._groups[self._dimension(mesh_dim)]
        if found is None:
            raise RuntimeError(f"DeviceMesh: this process, rank {get_rank()}, is not in {self}")
        return found

    def get_all_groups(self) -> list[ProcessGroup]:
        """The process groups along all dimensions."""
        return [self.get_group(dim) for dim in range(self.ndim)]

    def _dimension(self, mesh_dim: int | str | None) -> int:
        if mesh_dim is None:
            if self.ndim > 1:
                raise RuntimeError(
                    f"DeviceMesh: say along which of the {self.ndim} dimensions of {self}: give mesh_dim"
                )
            return 0
        if isinstance(mesh_dim, str):
            return self._named(mesh_dim)
        return range(self.ndim)[mesh_dim]

    def _named(self, name: str) -> int:
        if self.mesh_dim_names is None or name not in self.mesh_dim_names:
            raise KeyError(f"Invalid mesh_dim_name '{name}' specified. Valid mesh_dim_names are {self.mesh_dim_names}.")
        return self.mesh_dim_names.index(name)

    def __getitem__(self, names: str | tuple[str, ...]) -> DeviceMesh:
        """The part of the mesh along the named dimensions that this process is in. KeyError for other names."""
        chosen = (names,) if isinstance(names, str) else tuple(names)
        dims = [self._named(name) for name in chosen]
        at = self.get_coordinate()
        if at is None:
            raise RuntimeError(f"DeviceMesh: this process, rank {get_rank()}, is not in {self}")
        part = self.ranks[tuple(slice(None) if d in dims else at[d] for d in range(self.ndim))]
        part = part.transpose([sorted(dims).index(d) for d in dims])
        groups = [self.get_group(d) for d in dims]
        return DeviceMesh(self.device_type, part, mesh_dim_names=chosen, _groups=groups)

    @staticmethod
    def from_group(group: ProcessGroup, device_type: str) -> DeviceMesh:
        """The mesh of one dimension of a process group that is there already."""
        return DeviceMesh(device_type, group.ranks, _groups=[group])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DeviceMesh)
            and self.shape == other.shape
            and bool((self.ranks == other.ranks).all())
            and self.mesh_dim_names == other.mesh_dim_names
        )

    def __hash__(self) -> int:
        return hash((self.ranks.tobytes(), self.shape, self.mesh_dim_names))

    def __repr__(self) -> str:
        if self.mesh_dim_names is None:
            sizes = ", ".join(map(str, self.shape))
        else:
            sizes = ", ".join(f"{name}={size}" for name, size in zip(self.mesh_dim_names, self.shape))
        return f"DeviceMesh(({sizes}), '{self.device_type}')"


def init_device_mesh(
    device_type: str,
    mesh_shape: tuple[int, ...],
    *,
    mesh_dim_names: tuple[str, ...] | None = None,
    backend_override: Any = None,
) -> DeviceMesh:
    """The mesh of all processes in rows of the last dimension, in the order of their numbers; all processes call it.

    Makes the default group if there is none. RuntimeError if the shape is not that of so many processes, or the names are
    not as many as its dimensions; NotImplementedError for another device than "cpu", and for backend_override.
    """
    if backend_override is not None:
        raise NotImplementedError("init_device_mesh: backend_override is not supported. Leave it out.")
    shape = tuple(int(n) for n in mesh_shape)
    if mesh_dim_names is not None and len(mesh_dim_names) != len(shape):
        raise RuntimeError(
            "mesh_shape and mesh_dim_names should have same length! Found len(mesh_dim_names): "
            f"{len(mesh_dim_names)} and len(mesh_shape): {len(shape)}."
        )
    if device_type == "cpu" and not is_initialized():
        init_process_group()
    size = default_group().size() if is_initialized() else 1
    if math.prod(shape) > size:
        raise RuntimeError(
            f"Mesh should not be bigger than default world size {size}, but found {math.prod(shape)} ranks!"
        )
    return DeviceMesh(device_type, np.arange(math.prod(shape)).reshape(shape), mesh_dim_names=mesh_dim_names)
