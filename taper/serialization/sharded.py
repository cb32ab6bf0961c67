"""Checkpoints of several processes: each writes its share, any number of processes reads them again.

A checkpoint is a folder: files `__RANK_0.ID.distcp` in the format of `save`, and `.metadata`, which says which file has
what. Of a tensor that is sharded each process writes its rows, and reads those it asks for, whoever wrote them. Files are
written and synced under new names; the checkpoint exists when `.metadata` has been replaced, and the files of the
one before are removed then. So a folder that is saved to again holds a whole checkpoint at every moment.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..autograd.modes import no_grad
from ..autograd.tape import Variable
from ..distributed import all_gather_object, get_rank, get_world_size, is_initialized, new_group
from ..distributed.tensor import DTensor
from ..errors import CheckpointError
from .checkpoint import Snapshot
from .checkpoint import load as read_file
from .checkpoint import save as save_file

METADATA = ".metadata"
_FORMATS = (1, 2)
"""1: names and files. 2: also sharded tensors, as pieces that are named (name, first row, row after the last)."""


class FileSystemWriter:
    """Where `save` writes: a folder."""

    def __init__(
        self, path: str | os.PathLike, single_file_per_rank: bool = True, sync_files: bool = True, **options: Any
    ):
        self.path = path


class FileSystemReader:
    """Where `load` reads: a folder."""

    def __init__(self, path: str | os.PathLike):
        self.path = path


def _folder(checkpoint_id: Any, storage: Any, planner: Any) -> Path:
    if planner is not None:
        raise NotImplementedError("distributed.checkpoint: planners are not supported. Leave planner out.")
    place = checkpoint_id if checkpoint_id is not None else getattr(storage, "path", None)
    if place is None:
        raise ValueError("distributed.checkpoint: give checkpoint_id, the folder of the checkpoint")
    return Path(place)


def _leaves(value: Any, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    """The values in nested dicts and lists, with the way to each; empty containers are values."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, (list, tuple)) and value and any(isinstance(v, (dict, list, Variable)) for v in value):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, number))
    else:
        yield path, value


def _name(path: tuple) -> str:
    return ".".join(map(str, path))


def _plain(state_dict: dict) -> dict:
    """The state dict, with objects that have one in the place of their own."""
    return {
        key: value.state_dict() if hasattr(value, "state_dict") and not isinstance(value, dict) else value
        for key, value in state_dict.items()
    }


def _pieces(mine: dict[str, Any]) -> dict[Any, Any]:
    """What this process can write: of sharded tensors its rows, under a name that says which."""
    found: dict[Any, Any] = {}
    for name, value in mine.items():
        if not isinstance(value, DTensor):
            found[name] = value
        elif not any(p.is_shard() for p in value.placements):
            found[name] = value.to_local()
        elif span := value.span():
            found[name, span.start, span.stop] = value.to_local()
    return found


class _Plan:
    """What each process writes: what several hold, one of them writes, so that all write about as much."""

    def __init__(self, state_dict: dict, alone: bool, group: Any):
        named = {_name(path): value for path, value in _leaves(_plain(state_dict))}
        mine = _pieces(named)
        shapes = {name: tuple(v.shape) for name, v in named.items() if isinstance(v, DTensor) and name not in mine}
        self.alone, self.group = alone, group
        self.rank = 0 if alone else get_rank(group)
        size = 1 if alone else get_world_size(group)
        held = {
            key: value.numel() * value.element_size() if isinstance(value, Variable) else 0
            for key, value in mine.items()
        }
        everyone, self.shapes = [], {}
        for keys, theirs in self.gathered((held, shapes)):
            everyone.append(keys)
            self.shapes.update(theirs)
        holders: dict[Any, list[int]] = {}
        for rank, keys in enumerate(everyone):
            for key in keys:
                holders.setdefault(key, []).append(rank)
        load, self.owner = [0] * size, {}
        sizes = {key: max(keys.get(key, 0) for keys in everyone) for key in holders}
        for key in sorted(holders, key=lambda k: (-sizes[k], str(k))):
            rank = min(holders[key], key=lambda r: load[r])
            self.owner[key] = rank
            load[rank] += sizes[key] + 1
        self.share = {key: value for key, value in mine.items() if self.owner[key] == self.rank}
        self.id = self.gathered(uuid.uuid4().hex[:12])[0]

    def gathered(self, value: Any) -> list:
        """All processes' values."""
        if self.alone:
            return [value]
        found: list = [None] * get_world_size(self.group)
        all_gather_object(found, value, self.group)
        return found

    def file(self, rank: int) -> str:
        return f"__{rank}_0.{self.id}.distcp"

    def write(self, folder: Path, write_share: Callable[[Path], None]) -> None:
        """Write this process's share, and then, in one of them, what makes the checkpoint valid."""
        problem = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_share(folder / self.file(self.rank))
        except (OSError, RuntimeError) as error:
            problem = f"{type(error).__name__}: {error}"
        self._agree(problem, folder)
        if self.rank == 0:
            try:
                files = {key: self.file(r) for key, r in self.owner.items()}
                content = (
                    {"format": 2, "files": files, "shapes": self.shapes}
                    if self.shapes
                    else {"format": 1, "files": files}
                )
                save_file(content, folder / METADATA)
            except (OSError, RuntimeError) as error:
                problem = f"{type(error).__name__}: {error}"
        self._agree(problem, folder)
        if self.rank == 0:
            current = {self.file(rank) for rank in set(self.owner.values())}
            for old in folder.glob("__*_0.*.distcp"):
                if old.name not in current:
                    old.unlink(missing_ok=True)

    def _agree(self, problem: str | None, folder: Path) -> None:
        """CheckpointError in all processes if one has a problem."""
        for rank, told in enumerate(self.gathered(problem)):
            if told is not None:
                (folder / self.file(self.rank)).unlink(missing_ok=True)
                raise CheckpointError(
                    f"the checkpoint '{folder}' was not saved, the one before stays: rank {rank}: {told}"
                )


def save(
    state_dict: dict[str, Any],
    *,
    checkpoint_id: str | os.PathLike | None = None,
    storage_writer: FileSystemWriter | None = None,
    planner: Any = None,
    process_group: Any = None,
    no_dist: bool = False,
    use_collectives: bool = True,
) -> None:
    """Write a state dict of several processes to a folder, which all of them see; all call it.

    What several hold under one name is taken to be the same, and is written once. Objects with `state_dict` are asked
    for theirs. CheckpointError, in all processes, if one cannot write: the checkpoint before stays valid.
    """
    folder = _folder(checkpoint_id, storage_writer, planner)
    plan = _Plan(state_dict, no_dist or not is_initialized(), process_group)
    plan.write(folder, lambda path: save_file(plan.share, path))


class _Background:
    """The thread that writes, and the group of its own in which its processes agree."""

    thread: ThreadPoolExecutor | None = None
    group: Any = None


def async_save(
    state_dict: dict[str, Any],
    *,
    checkpoint_id: str | os.PathLike | None = None,
    storage_writer: FileSystemWriter | None = None,
    planner: Any = None,
    process_group: Any = None,
    no_dist: bool = False,
    use_collectives: bool = True,
) -> Future:
    """`save` that returns when the tensors are copied; the future is done when all is written, or has what went wrong."""
    folder = _folder(checkpoint_id, storage_writer, planner)
    alone = no_dist or not is_initialized()
    plan = _Plan(state_dict, alone, process_group)
    if _Background.thread is None:
        _Background.thread = ThreadPoolExecutor(1, "taper-checkpoint")
    if not alone and _Background.group is None:
        _Background.group = new_group(group_desc="background checkpoints")
    plan.group = _Background.group
    snapshot = Snapshot(plan.share)
    return _Background.thread.submit(plan.write, folder, snapshot.write)


def load(
    state_dict: dict[str, Any],
    *,
    checkpoint_id: str | os.PathLike | None = None,
    storage_reader: FileSystemReader | None = None,
    planner: Any = None,
    process_group: Any = None,
    no_dist: bool = False,
) -> None:
    """Fill a state dict, in place, from a folder that any number of processes wrote; each reads what it asks for.

    Tensors keep their memory; other values are replaced; objects with `load_state_dict` are given theirs. Reading never
    executes code. CheckpointError for a folder without a checkpoint, a damaged file, a name that is not in it, or a
    tensor of another shape.
    """
    folder = _folder(checkpoint_id, storage_reader, planner)
    if not (folder / METADATA).exists():
        raise CheckpointError(f"'{folder}' holds no checkpoint: it has no {METADATA}")
    files, shapes, pieces = _contents(folder)
    plain = _plain(state_dict)
    wanted: dict[str, list[tuple[tuple, Any]]] = {}
    for path, have in list(_leaves(plain)):
        name = _name(path)
        if name in files:
            wanted.setdefault(files[name], []).append((path, name))
        elif name in shapes:
            whole = _fillable(plain, path, have, name, shapes[name])
            span = whole.span() if isinstance(whole, DTensor) else range(shapes[name][0])
            for first, end in pieces.get(name, ()):
                if first < span.stop and end > span.start:
                    wanted.setdefault(files[name, first, end], []).append((path, (name, first, end)))
        else:
            raise CheckpointError(f"Missing key in checkpoint state_dict: {name} is not in '{folder}'")
    for file, parts in wanted.items():
        found = read_file(folder / file)
        for path, key in parts:
            if key not in found:
                raise CheckpointError(f"the checkpoint '{folder}' is damaged: {file} has no {key}")
            if isinstance(key, tuple):
                _fill(plain, path, key, found[key], shapes[key[0]])
            else:
                _set(plain, path, found[key])
    for key, value in state_dict.items():
        if hasattr(value, "load_state_dict"):
            value.load_state_dict(plain[key])
        else:
            state_dict[key] = plain[key]


def _contents(folder: Path) -> tuple[dict[Any, str], dict[str, tuple], dict[str, list[tuple[int, int]]]]:
    """Which file has what, the shapes of sharded tensors, and the rows of their pieces. CheckpointError if that is damaged."""
    found = read_file(folder / METADATA)
    if not isinstance(found, dict) or found.get("format") not in _FORMATS or not isinstance(found.get("files"), dict):
        raise CheckpointError(
            f"'{folder / METADATA}' is no description of a checkpoint that this version of Taper reads"
        )
    pieces: dict[str, list[tuple[int, int]]] = {}
    for key in found["files"]:
        if isinstance(key, tuple) and len(key) == 3 and key[0] in found.get("shapes", {}):
            name, first, end = key
            pieces.setdefault(name, []).append((first, end))
    return found["files"], found.get("shapes", {}), pieces


def _at(state: Any, path: tuple) -> Any:
    for key in path[:-1]:
        state = state[key]
    return state


def _fillable(state: Any, path: tuple, have: Any, name: str, shape: tuple) -> Any:
    """The tensor that takes a sharded tensor's rows: the one that is there, or a new one in the place of what is no tensor."""
    if not isinstance(have, Variable):
        made = _at(state, path)[path[-1]] = _Unread()
        return made
    if tuple(have.shape) != tuple(shape):
        raise CheckpointError(f"{name} has shape {tuple(shape)} in the checkpoint, not {tuple(have.shape)}")
    return have


class _Unread:
    """The place of a tensor whose dtype is known with its first piece."""


def _fill(state: Any, path: tuple, key: tuple[str, int, int], value: Variable, shape: tuple) -> None:
    """Copy a piece's rows into what takes them."""
    holder, (_, first, end) = _at(state, path), key
    have = holder[path[-1]]
    if isinstance(have, _Unread):
        have = holder[path[-1]] = value.new_empty(shape)
    if tuple(value.shape) != (end - first, *shape[1:]):
        raise CheckpointError(f"{_name(path)}: rows {first} to {end} of {shape} have shape {tuple(value.shape)}")
    span = have.span() if isinstance(have, DTensor) else range(shape[0])
    start, stop = max(first, span.start), min(end, span.stop)
    local = have.to_local() if isinstance(have, DTensor) else have
    with no_grad():
        local[start - span.start : stop - span.start].copy_(value[start - first : stop - first])


def _set(state: Any, path: tuple, value: Any) -> None:
    state = _at(state, path)
    have = state[path[-1]]
    if not isinstance(have, Variable):
        state[path[-1]] = value
        return
    if not isinstance(value, Variable) or value.shape != have.shape:
        shape = tuple(value.shape) if isinstance(value, Variable) else type(value).__name__
        raise CheckpointError(f"{_name(path)} has shape {shape} in the checkpoint, not {tuple(have.shape)}")
    with no_grad():
        have.copy_(value)
