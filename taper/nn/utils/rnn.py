"""Batches of sequences of different lengths: padded to one length, or packed step by step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ...autograd.tape import Variable
from ...dtypes import int64
from ...tensor import arange, as_tensor, cat, empty_like, full, stack, tensor
from ...tensor.arguments import check_functions

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpad_sequence",
    "pack_sequence",
    "unpack_sequence",
]


class _Fields(NamedTuple):
    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


class PackedSequence(_Fields):
    """The steps of sequences sorted by length, one step of all sequences after the other.

    data: (sum of lengths, *). batch_sizes: how many sequences have each step. sorted_indices: which sequence stands
    where, None if they came sorted; unsorted_indices: its inverse.
    """

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if batch_sizes is None and isinstance(data, (tuple, list)):
            data, batch_sizes = data
        if batch_sizes is None:
            raise ValueError("PackedSequence needs batch_sizes: make one with pack_padded_sequence or pack_sequence.")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs):
        """The same with its data in another dtype or on another device."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    def cpu(self):
        """The same on the CPU."""
        return self.to(device="cpu")

    def cuda(self, *args, **kwargs):
        """The same on a GPU."""
        return type(self)(self.data.cuda(*args, **kwargs), *self[1:])

    def double(self):
        """The same with float64 data."""
        return type(self)(self.data.double(), *self[1:])

    def float(self):
        """The same with float32 data."""
        return type(self)(self.data.float(), *self[1:])

    def half(self):
        """The same with float16 data."""
        return type(self)(self.data.half(), *self[1:])

    def long(self):
        """The same with int64 data."""
        return type(self)(self.data.long(), *self[1:])

    def int(self):
        """The same with int32 data."""
        return type(self)(self.data.int(), *self[1:])

    def pin_memory(self):
        """The same in pinned memory, which has no effect without a GPU."""
        return self

    def is_pinned(self) -> bool:
        """Whether the data is in pinned memory."""
        return self.data.is_pinned()

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return self.data.is_cuda


def invert_permutation(permutation):
    """The permutation that undoes another; None for None."""
    if permutation is None:
        return None
    output = empty_like(permutation)
    output[permutation] = arange(permutation.numel())
    return output


def pack_padded_sequence(input, lengths, batch_first: bool = False, enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences that were padded to one length: (L, N, *), or (N, L, *) if batch_first.

    lengths: how long each is. enforce_sorted: they must come longest first; else they are sorted here.
    """
    lengths = lengths if isinstance(lengths, Variable) else as_tensor(lengths, dtype=int64)
    order = None
    if not enforce_sorted:
        lengths, order = lengths.sort(descending=True, stable=True)
        input = input.index_select(0 if batch_first else 1, order)
    if batch_first:
        input = input.transpose(0, 1)
    sizes = lengths.tolist()
    if len(sizes) != input.size(1):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} (batch_size={input.size(1)})"
        )
    if any(n <= 0 for n in sizes):
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if sizes != sorted(sizes, reverse=True):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do "
            "not need ONNX exportability."
        )
    if sizes[0] > input.size(0):
        raise RuntimeError(
            f"pack_padded_sequence: a length is {sizes[0]}, but the sequences have {input.size(0)} steps"
        )
    batch_sizes = [sum(n > t for n in sizes) for t in range(sizes[0])]
    data = cat([input[t, :n] for t, n in enumerate(batch_sizes)], 0)
    return PackedSequence(data, tensor(batch_sizes, dtype=int64), order, None)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
):
    """Undo `pack_padded_sequence`: (padded, lengths), the sequences in their first order."""
    sizes = sequence.batch_sizes.tolist()
    steps = len(sizes)
    if total_length is not None and total_length < steps:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {steps}"
        )
    rows = [_filled(part, sizes[0], padding_value) for part in sequence.data.split(sizes, 0)]
    missing = 0 if total_length is None else total_length - steps
    rows.extend(full(rows[0].shape, padding_value, dtype=sequence.data.dtype) for _ in range(missing))
    padded = stack(rows, 0)
    lengths = tensor([sum(n > i for n in sizes) for i in range(sizes[0])], dtype=int64)
    back = sequence.unsorted_indices
    if back is not None:
        padded, lengths = padded.index_select(1, back), lengths[back]
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def _filled(part, rows: int, value: float):
    """A tensor with rows of one value added at its end, to `rows` in all."""
    missing = rows - part.size(0)
    if not missing:
        return part
    return cat((part, full((missing, *part.shape[1:]), value, dtype=part.dtype)), 0)


def pad_sequence(sequences, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"):
    """Tensors (L_i, *) padded to the longest and stacked: (L, N, *), or (N, L, *) if batch_first."""
    if isinstance(sequences, Variable):
        sequences = sequences.unbind(0)
    elif not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    longest = max(s.size(0) for s in sequences)
    padded = [_padded(s, longest, padding_value, padding_side) for s in sequences]
    return stack(padded, 0 if batch_first else 1)


def _padded(sequence, length: int, value: float, side: str):
    missing = length - sequence.size(0)
    if not missing:
        return sequence
    extra = full((missing, *sequence.shape[1:]), value, dtype=sequence.dtype)
    return cat((sequence, extra) if side == "right" else (extra, sequence), 0)


def unpad_sequence(padded_sequences, lengths, batch_first: bool = False) -> list:
    """The sequences of a padded batch, each cut to its length."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [row[:n] for row, n in zip(padded_sequences, lengths.tolist())]


def pack_sequence(sequences, enforce_sorted: bool = True) -> PackedSequence:
    """Pack tensors (L_i, *)."""
    lengths = as_tensor([s.size(0) for s in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list:
    """The sequences of a packed batch, in their first order."""
    return unpad_sequence(*pad_packed_sequence(packed_sequences, batch_first=True), batch_first=True)


check_functions(globals(), ("pack_padded_sequence", "pad_sequence"))
