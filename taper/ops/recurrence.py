"""Recurrent layers over whole sequences: one operator for all steps of one layer in one direction.

A cell's arithmetic is written here once, over lists of gates. NumPy, tensors (for second derivatives) and the compiler's
symbols run it step by step in `Cell.unrolled`; native/recurrence.py writes the same formulas into one loop of machine code.

Rows: the sequences of a batch, the longest first, step by step: `sizes[t]` rows for step t, as in a PackedSequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .operator import op


@dataclass(frozen=True, eq=False)
class Cell:
    """One step of a recurrent network.

    forward(xp, x, r, state) -> (state, saved): x and r are the gates' shares of the input and of the hidden state.
    backward(xp, slopes, saved, before) -> (dx, dr, slopes): the gradients of the gates' shares, and of the state before;
    those of h only as far as they do not go through r, None if all do. dr is None where it is dx.
    gates, states, saved: how many there are of each.
    """

    name: str
    gates: int
    states: int
    saved: int
    forward: Callable
    backward: Callable
    splits: bool = False

    def __repr__(self) -> str:
        return self.name

    def unrolled(self, xp, x, h, c, w, b, project, sizes, reverse):
        """out, the final states, and what the gradient needs: h and c before each step, saved, and h before its projection."""
        state = (h,) if c is None else (h, c)
        outputs, befores, saves, wholes = [], [], [], []
        w = xp.matrix_transpose(w)
        for start, rows in steps(sizes, reverse):
            # Shorter sequences have ended, or have not begun: their states stay.
            now = tuple(s[:rows] for s in state)
            r = xp.matmul(now[0], w)
            r = r if b is None else r + b
            after, saved = self.forward(xp, _parts(x[start : start + rows], self.gates), _parts(r, self.gates), now)
            befores.append(now)
            saves.append(saved)
            if project is not None:
                wholes.append(after[0])
                after = (xp.matmul(after[0], xp.matrix_transpose(project)), *after[1:])
            outputs.append(after[0])
            state = tuple(_replaced(xp, s, new, rows) for s, new in zip(state, after))
        if reverse:
            outputs, befores, saves, wholes = outputs[::-1], befores[::-1], saves[::-1], wholes[::-1]
        before = [xp.concat(list(each), axis=0) for each in zip(*befores)]
        saved = xp.concat([xp.concat(list(s), axis=1) for s in saves], axis=0)
        whole = xp.concat(wholes, axis=0) if wholes else None
        aux = before[0], before[1] if len(before) > 1 else None, saved, whole
        return (xp.concat(outputs, axis=0), *state, *aux)

    def unrolled_grad(self, xp, gradients, before_h, before_c, saved, w, project, sizes, reverse):
        """The gradients of the gates' shares of input and hidden state, of the first states, and of each projected h."""
        g, *slopes = gradients
        slopes = tuple(slopes)
        found = []
        for start, rows in reversed(steps(sizes, reverse)):
            part = slice(start, start + rows)
            now = (slopes[0][:rows] + g[part], *(s[:rows] for s in slopes[1:]))
            projected = now[0]
            if project is not None:
                now = (xp.matmul(projected, project), *now[1:])
            before = (before_h[part],) if before_c is None else (before_h[part], before_c[part])
            dx, dr, after = self.backward(xp, now, _parts(saved[part], self.saved), before)
            dx = xp.concat(list(dx), axis=1)
            dr = dx if dr is None else xp.concat(list(dr), axis=1)
            dh = xp.matmul(dr, w)
            after = (dh if after[0] is None else dh + after[0], *after[1:])
            slopes = tuple(_replaced(xp, s, new, rows) for s, new in zip(slopes, after))
            found.append((dx, dr, projected))
        if not reverse:
            found.reverse()
        dx, dr, projected = ([f[i] for f in found] for i in range(3))
        dx = xp.concat(dx, axis=0)
        dr = xp.concat(dr, axis=0) if self.splits else dx
        return dx, dr, slopes, None if project is None else xp.concat(projected, axis=0)


def _tanh(xp, x, r, state):
    h = xp.tanh(x[0] + r[0])
    return (h,), (h,)


def _tanh_slopes(xp, slopes, saved, before):
    (d,), (h,) = slopes, saved
    return (d * (1 - h * h),), None, (None,)


def _relu(xp, x, r, state):
    h = xp.maximum(x[0] + r[0], 0)
    return (h,), (h,)


def _relu_slopes(xp, slopes, saved, before):
    (d,), (h,) = slopes, saved
    return (xp.where(h > 0, d, xp.zeros_like(d)),), None, (None,)


def _lstm(xp, x, r, state):
    i, f, g, o = (a + b for a, b in zip(x, r))
    i, f, g, o = xp.sigmoid(i), xp.sigmoid(f), xp.tanh(g), xp.sigmoid(o)
    c = f * state[1] + i * g
    t = xp.tanh(c)
    return (o * t, c), (i, f, g, o, t)


def _lstm_slopes(xp, slopes, saved, before):
    (dh, dc), (i, f, g, o, t) = slopes, saved
    dc = dc + dh * o * (1 - t * t)
    di = dc * g * (i * (1 - i))
    df = dc * before[1] * (f * (1 - f))
    dg = dc * i * (1 - g * g)
    return (di, df, dg, dh * t * (o * (1 - o))), None, (None, dc * f)


def _gru(xp, x, r, state):
    h, inner = state[0], r[2]
    reset, z = xp.sigmoid(x[0] + r[0]), xp.sigmoid(x[1] + r[1])
    n = xp.tanh(x[2] + reset * inner)
    return (n + z * (h - n),), (reset, z, n, inner)


def _gru_slopes(xp, slopes, saved, before):
    (d,), (reset, z, n, inner) = slopes, saved
    dz = d * (before[0] - n) * (z * (1 - z))
    dn = d * (1 - z) * (1 - n * n)
    dr = dn * inner * (reset * (1 - reset))
    return (dr, dz, dn), (dr, dz, dn * reset), (d * z,)


CELLS = {
    cell.name: cell
    for cell in (
        Cell("RNN_TANH", 1, 1, 1, _tanh, _tanh_slopes),
        Cell("RNN_RELU", 1, 1, 1, _relu, _relu_slopes),
        Cell("LSTM", 4, 2, 5, _lstm, _lstm_slopes),
        Cell("GRU", 3, 1, 4, _gru, _gru_slopes, splits=True),
    )
}
"""The cells by PyTorch's names of them. Gates in PyTorch's order: i f g o, and r z n, of which n's recurrent share is
gated by r."""


def steps(sizes: tuple[int, ...], reverse: bool):
    """(first row, rows) of each step, in the order of computing."""
    starts, at = [], 0
    for size in sizes:
        starts.append((at, size))
        at += size
    return starts[::-1] if reverse else starts


def _parts(x, count: int):
    """Equal parts of the columns."""
    size = x.shape[1] // count
    return [x[:, i * size : (i + 1) * size] for i in range(count)]


def _replaced(xp, old, new, rows: int):
    """The first rows replaced."""
    return new if rows == old.shape[0] else xp.concat([new, old[rows:]], axis=0)


def _slopes(xp, g, w, project, before_h, before_c, saved, whole, cell, sizes, reverse, needs):
    cell = CELLS[cell]
    dx, dr, first, projected = xp.recurrence_grad(cell, g, before_h, before_c, saved, w, project, sizes, reverse)
    dw = xp.matmul(xp.matrix_transpose(dr), before_h) if needs[3] else None
    db = xp.column_sums(dr) if needs[4] else None
    dp = xp.matmul(xp.matrix_transpose(projected), whole) if needs[5] else None
    return dx, first[0], first[1] if len(first) > 1 else None, dw, db, dp


# x (rows, gates H): the input's share of the gates; h (N, H or P), c (N, H) or None: the first states; w (gates H, H or P),
# b (gates H) or None: the hidden state's; project (P, H) or None. Results: h after each step (rows, H or P) and the final
# states (N, ...). reverse: from the last step to the first, where shorter sequences join as they begin.
recurrence = op(
    "recurrence",
    lambda xp, x, h, c, w, b, project, *, cell, sizes, reverse: xp.recurrence(
        CELLS[cell], x, h, c, w, b, project, sizes, reverse
    ),
    outputs=None,
    aux=("before_h", "before_c", "saved", "whole"),
    joint=_slopes,
)
