"""Running sums, products and extremes along an axis."""

from __future__ import annotations

from .elementwise import conj
from .operator import op

# fmt: off
cumsum = op("cumsum", lambda xp, x, *, axis: xp.cumsum(x, axis=axis),
            x=lambda xp, g, axis: xp.reversed_cumsum(g, axis))

reversed_cumsum = op("reversed_cumsum", lambda xp, g, *, axis: xp.reversed_cumsum(g, axis), grad_name="FlipBackward0",
                     g=lambda xp, h, axis: xp.cumsum(h, axis=axis))

cumprod = op("cumprod", lambda xp, x, *, axis: xp.cumprod(x, axis=axis),
             x=lambda xp, g, x, out, axis: cumprod_slope(xp, g, conj(xp, x), conj(xp, out), axis))

logcumsumexp = op("logcumsumexp", lambda xp, x, *, axis: xp.logcumsumexp(x, axis),
                  x=lambda xp, g, x, out, axis: logcumsumexp_slope(xp, g, x, out, axis))

argcummax = op("argcummax", lambda xp, x, *, axis: xp.running_position(x, axis, True))
argcummin = op("argcummin", lambda xp, x, *, axis: xp.running_position(x, axis, False))
# fmt: on


def cumprod_slope(xp, g, x, out, axis):
    """d/dx[k] = the sum over j >= k of g[j] times the product of x[..j] without x[k].

    That is g[j] out[j] / x[k] as long as no zero comes before k. At the first zero the product is that of the other
    factors, so the zero is replaced by one; behind it everything has the zero as a factor, which is written as such
    because a second derivative by that factor does not vanish.
    """
    zero = x == 0
    seen = xp.cumsum(xp.astype(zero, x.dtype), axis=axis)
    one, none = xp.ones_like(x), xp.zeros_like(x)
    divisor = xp.where(zero, one, x)
    first, second = zero & (seen == 1), zero & (seen == 2)
    without_first = xp.where(first, one, x)
    to_first = xp.reversed_cumsum(g * xp.cumprod(without_first, axis=axis), axis)
    without_both = xp.where(second, one, without_first)
    to_second = xp.reversed_cumsum(g * xp.cumprod(without_both, axis=axis), axis)
    the_zero = xp.sum(xp.where(first, x, none), axis=(axis,), keepdims=True)
    behind = the_zero * xp.where(seen == 1, to_first / divisor, xp.where(second, to_second, none))
    return xp.where(seen == 0, xp.reversed_cumsum(g * out, axis) / divisor, xp.where(first, to_first, behind))


def logcumsumexp_slope(xp, g, x, out, axis):
    """The sum over j >= k of g[j] exp(x[k] - out[j]), taken in logarithms: exp(-out) alone would overflow.

    Where g is 0 it has no logarithm, but a derivative by g all the same: that of the last line, whose value is 0.
    """
    complex_ = x.dtype.kind == "c"
    h, none, one = conj(xp, g) if complex_ else g, xp.zeros_like(g), xp.ones_like(g)
    parts = [(h, h != 0)] if complex_ else [(h, h > 0), (-h, h < 0)]
    found = _weighed(xp, *parts[0], x, out, axis)
    if not complex_:
        found = found - _weighed(xp, *parts[1], x, out, axis)
    zero = h == none
    found = found + (_weighed(xp, h + one, zero, x, out, axis) - _weighed(xp, one, zero, x, out, axis))
    return conj(xp, found) if complex_ else found


def _weighed(xp, h, there, x, out, axis):
    """The sum for the h that are there, positive if real."""
    # A finite number whose exponential is 0: of minus infinity the derivative would not be a number.
    logs = xp.where(there, xp.log(xp.where(there, h, xp.ones_like(h))) - out, xp.full_like(h, -1e30))
    sums = xp.flip(xp.logcumsumexp(xp.flip(logs, axis=(axis,)), axis), axis=(axis,))
    return xp.exp(sums + x)
