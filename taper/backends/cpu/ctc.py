"""Connectionist temporal classification by the forward-backward recursion (Graves et al. 2006, section 4.1)."""

from __future__ import annotations

import numpy as np

__all__ = ["ctc"]


def ctc(x, rows, lengths, blank):
    """The losses (N,) of log-probabilities x (T, N, C), and their gradient of x's shape."""
    losses, slope = np.zeros(x.shape[1], x.dtype), np.zeros_like(x)
    for i, (labels, steps) in enumerate(zip(rows, lengths)):
        losses[i], slope[:steps, i] = _one(x[:steps, i].astype(np.float64), labels, blank)
    return losses, slope


def _one(logp, labels, blank):
    """Loss and gradient of one sequence: alpha over prefixes, beta over suffixes of the labels with blanks between."""
    steps, count = logp.shape[0], 2 * len(labels) + 1
    extended = np.full(count, blank, np.int64)
    extended[1::2] = labels
    if steps == 0:
        return (0.0 if not len(labels) else np.inf), np.zeros_like(logp)
    emitted = logp[:, extended]
    skips = np.zeros(count, bool)
    skips[2:] = (extended[2:] != blank) & (extended[2:] != extended[:-2])
    alpha = _forward(emitted, skips)
    skips_back = np.zeros(count, bool)
    skips_back[2:] = skips[2:][::-1]
    beta = _forward(emitted[::-1, ::-1], skips_back)[::-1, ::-1]
    total = np.logaddexp(alpha[-1, -1], alpha[-1, -2]) if count > 1 else alpha[-1, -1]
    slope = np.zeros_like(logp)
    if not np.isfinite(total):
        return np.inf, np.full_like(logp, np.nan)
    occupied = np.exp(alpha + beta - emitted - total)
    for s in range(count):
        slope[:, extended[s]] -= occupied[:, s]
    return -total, slope


def _forward(emitted, skips):
    """log of the probability of each prefix at each step."""
    steps, count = emitted.shape
    alpha = np.full((steps, count), -np.inf)
    alpha[0, : min(2, count)] = emitted[0, : min(2, count)]
    for t in range(1, steps):
        before = alpha[t - 1]
        total = before.copy()
        total[1:] = np.logaddexp(total[1:], before[:-1])
        jumped = np.full(count, -np.inf)
        jumped[2:] = before[:-2]
        total = np.where(skips, np.logaddexp(total, jumped), total)
        alpha[t] = total + emitted[t]
    return alpha
