"""Connectionist temporal classification by the forward-backward recursion (Graves et al. 2006, section 4.1)."""

from __future__ import annotations

import numpy as np

__all__ = ["ctc"]

# In place of minus infinity, from which nothing can be subtracted.
LOWEST = np.finfo(np.float64).min


def ctc(x, labels, lengths, label_lengths, blank, zero_infinity):
    """The losses (N,) of log-probabilities x (T, N, C), and their gradient in x's shape.

    labels (N, at least the longest of label_lengths). The gradient supposes, as PyTorch's does, that the probabilities
    of each step add up to 1: it is what remains after their softmax. All is computed in float64.
    """
    steps, n, classes = x.shape
    lengths, label_lengths = np.asarray(lengths, np.int64), np.asarray(label_lengths, np.int64)
    logp = x.astype(np.float64)
    ends = 2 * label_lengths  # the last of a sequence's labels with blanks between and around
    count = int(np.maximum.reduce(ends, initial=0)) + 1
    extended = np.full((n, count), blank, np.int64)
    extended[:, 1::2] = np.where(np.arange(count // 2) < label_lengths[:, None], labels[:, : count // 2], blank)
    if extended.size and (extended.min() < 0 or extended.max() >= classes):
        raise RuntimeError(f"ctc_loss: targets must be class numbers from 0 to {classes - 1}")
    rows, states, times = np.arange(n), np.arange(count), np.arange(steps)[:, None]
    inside = states <= ends[:, None]
    # Backwards it is the same recursion over the reversed sequence: both run as one batch.
    turned = np.clip(ends[:, None] - states, 0, None)
    emitted = np.take_along_axis(logp, np.broadcast_to(extended, (steps, n, count)), 2)
    ahead = np.clip(lengths - 1 - times, 0, None)
    backward = np.take_along_axis(emitted[ahead, rows], np.broadcast_to(turned, (steps, n, count)), 2)
    both = _prefixes(
        np.concatenate((emitted, backward), 1),
        np.concatenate((extended, np.take_along_axis(extended, turned, 1))),
        np.concatenate((inside, inside)),
        blank,
    )
    alpha = both[:, :n]
    beta = np.take_along_axis(both[ahead, n + rows], np.broadcast_to(turned, (steps, n, count)), 2)

    if steps:
        last = alpha[np.maximum(lengths - 1, 0), rows]
        loss = -np.logaddexp(last[rows, ends], np.where(ends > 0, last[rows, np.maximum(ends - 1, 0)], -np.inf))
    else:
        loss = np.full(n, np.inf)
    loss = np.where(lengths > 0, loss, np.where(label_lengths > 0, np.inf, 0.0))
    share = np.exp(alpha + beta - emitted + loss[None, :, None])
    share = np.where(inside & ~np.isneginf(emitted), share, 0.0)
    places = (times[:, :, None] * n + rows[:, None]) * classes + extended
    slope = np.exp(logp) - np.bincount(places.reshape(-1), share.reshape(-1), x.size).reshape(x.shape)
    slope[np.arange(steps)[:, None] >= lengths] = 0
    endless = np.isinf(loss)
    if endless.any():
        slope[:, endless] = 0 if zero_infinity else np.where(slope[:, endless] == 0, 0, np.nan)
        if zero_infinity:
            loss[endless] = 0
    return loss.astype(x.dtype), slope.astype(x.dtype)


def _prefixes(emitted, labels, inside, blank):
    """log of the probability of each prefix of the labels after each step, (T, N, states)."""
    steps, n, count = emitted.shape
    skip = np.full((n, count), -np.inf)
    skip[:, 2:] = np.where((labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2]), 0.0, -np.inf)
    emitted = np.where(inside, emitted, -np.inf)
    alpha = np.full((steps, n, count + 2), -np.inf)  # two states before the first, that are never reached
    if steps:
        alpha[0, :, 2:4] = emitted[0, :, :2]
    ways = np.empty((3, n, count))
    for t in range(1, steps):
        before = alpha[t - 1]
        ways[0], ways[1] = before[:, 2:], before[:, 1:-1]
        np.add(before[:, :-2], skip, out=ways[2])
        top = np.maximum(np.maximum.reduce(ways, axis=0), LOWEST)
        ways -= top
        np.exp(ways, out=ways)
        total = np.log(np.add.reduce(ways, axis=0))
        total += top
        np.add(total, emitted[t], out=alpha[t, :, 2:])
    return alpha[:, :, 2:]
