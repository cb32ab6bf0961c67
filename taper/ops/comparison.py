"""Comparisons and logic: results are bool, nothing is differentiable."""

from __future__ import annotations

from .operator import ARITHMETIC, COMPARE, op

# fmt: off
eq = op("eq", lambda xp, x, y: xp.equal(x, y), promote=COMPARE)
ne = op("ne", lambda xp, x, y: xp.not_equal(x, y), promote=COMPARE)
lt = op("lt", lambda xp, x, y: xp.less(x, y), promote=COMPARE, refuses="c")
le = op("le", lambda xp, x, y: xp.less_equal(x, y), promote=COMPARE, refuses="c")
gt = op("gt", lambda xp, x, y: xp.greater(x, y), promote=COMPARE, refuses="c")
ge = op("ge", lambda xp, x, y: xp.greater_equal(x, y), promote=COMPARE, refuses="c")

logical_and = op("logical_and", lambda xp, x, y: xp.logical_and(x, y), promote=COMPARE)
logical_or  = op("logical_or",  lambda xp, x, y: xp.logical_or(x, y), promote=COMPARE)
logical_xor = op("logical_xor", lambda xp, x, y: xp.logical_xor(x, y), promote=COMPARE)
logical_not = op("logical_not", lambda xp, x: xp.logical_not(x))

isnan    = op("isnan",    lambda xp, x: xp.isnan(x) if x.dtype.kind in "fcV" else xp.zeros_like(x, dtype=bool))
isinf    = op("isinf",    lambda xp, x: xp.isinf(x) if x.dtype.kind in "fcV" else xp.zeros_like(x, dtype=bool))
isfinite = op("isfinite", lambda xp, x: xp.isfinite(x) if x.dtype.kind in "fcV" else xp.ones_like(x, dtype=bool))
signbit  = op("signbit",  lambda xp, x: xp.signbit(x) if x.dtype.kind in "fV" else x < 0)
isclose  = op("isclose",  lambda xp, x, y, *, rtol, atol, equal_nan: close(xp, x, y, rtol, atol, equal_nan), promote=COMPARE)

bitwise_and = op("bitwise_and", lambda xp, x, y: xp.bitwise_and(x, y), promote=ARITHMETIC, refuses="fcV")
bitwise_or  = op("bitwise_or",  lambda xp, x, y: xp.bitwise_or(x, y), promote=ARITHMETIC, refuses="fcV")
bitwise_xor = op("bitwise_xor", lambda xp, x, y: xp.bitwise_xor(x, y), promote=ARITHMETIC, refuses="fcV")
bitwise_not = op("bitwise_not", lambda xp, x: xp.invert(x), promote=ARITHMETIC, refuses="fcV")
left_shift  = op("bitwise_left_shift",  lambda xp, x, y: xp.left_shift(x, y), promote=ARITHMETIC, refuses="bfcV")
right_shift = op("bitwise_right_shift", lambda xp, x, y: xp.right_shift(x, y), promote=ARITHMETIC, refuses="bfcV")
gcd = op("gcd", lambda xp, x, y: xp.gcd(x, y), promote=ARITHMETIC, refuses="bfcV")
lcm = op("lcm", lambda xp, x, y: xp.lcm(x, y), promote=ARITHMETIC, refuses="bfcV")
# fmt: on


def close(xp, x, y, rtol, atol, equal_nan):
    """|x - y| <= atol + rtol |y|, equal infinities, and NaNs if they count as equal."""
    near = x == y
    if (x if hasattr(x, "dtype") else y).dtype.kind in "fcV":
        near = near | (xp.isfinite(y) & (xp.abs(x - y) <= atol + rtol * xp.abs(y)))
        return near | (xp.isnan(x) & xp.isnan(y)) if equal_nan else near
    return near | (xp.abs(xp.subtract(x, y, dtype=float)) <= atol + rtol * xp.abs(y))
