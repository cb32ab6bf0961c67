"""An optimizer's rule as one kernel a parameter: the rule runs once on names in place of arrays, and what it says is CUDA's text.

Numbers stay numbers of the host: what the rule computes of them alone is computed before each launch, and is an argument of the
kernel. Where a rule asks for a number's value (`if weight_decay:`), the answer belongs to the kernel.
"""

# CuPy is not there where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import cupy

CTYPES = {"float32": "float", "float64": "double"}

PREAMBLE = """
template <class T> __device__ T larger(T a, T b) { return a > b || a != a ? a : b; }
template <class T> __device__ T smaller(T a, T b) { return a < b || a != a ? a : b; }
template <class T> __device__ T pick(bool c, T a, T b) { return c ? a : b; }
template <class T> __device__ T signum(T a) { return a != a ? a : T((a > 0) - (a < 0)); }
"""

Numbers = dict[str, Any]
Of = Callable[[Numbers], Any]


class NotElementwise(Exception):
    """A rule does more than elementwise arithmetic."""


class Trace:
    """What one run of a rule says: statements, numbers that the kernel is given, and what was asked of numbers."""

    def __init__(self, numbers: Numbers, ctype: str):
        self.numbers, self.ctype = numbers, ctype
        self.lines: list[str] = []
        self.scalars: list[Of] = []
        self.answers: list[tuple[Of, bool]] = []

    def term(self, text: str, ctype: str | None = None) -> Term:
        name = f"t{len(self.lines)}"
        self.lines.append(f"const {ctype or self.ctype} {name} = {text};")
        return Term(self, name)

    def name_of(self, value: Any) -> str:
        """How the kernel calls a value: a name of its own, or a number that it is given."""
        if isinstance(value, Term):
            return value.name
        if not isinstance(value, (Number, int, float)):
            raise NotElementwise(f"{value!r}")
        self.scalars.append(value.of if isinstance(value, Number) else lambda numbers: value)
        return f"s{len(self.scalars) - 1}"

    def asked(self, of: Of) -> bool:
        answer = bool(of(self.numbers))
        self.answers.append((of, answer))
        return answer


def _arithmetic(symbol: str, swapped: bool = False, ctype: str | None = None):
    def method(self: Term, other):
        a, b = self.name, self.trace.name_of(other)
        return self.trace.term(f"{b} {symbol} {a}" if swapped else f"{a} {symbol} {b}", ctype)

    return method


class Term:
    """An array in a rule: a name in the kernel."""

    __slots__ = ("trace", "name")

    def __init__(self, trace: Trace, name: str):
        self.trace, self.name = trace, name

    @property
    def dtype(self) -> Any:
        return cupy.dtype({"float": "float32", "double": "float64"}[self.trace.ctype])

    __add__, __radd__ = _arithmetic("+"), _arithmetic("+", True)
    __sub__, __rsub__ = _arithmetic("-"), _arithmetic("-", True)
    __mul__, __rmul__ = _arithmetic("*"), _arithmetic("*", True)
    __truediv__, __rtruediv__ = _arithmetic("/"), _arithmetic("/", True)
    __lt__, __le__ = _arithmetic("<", ctype="bool"), _arithmetic("<=", ctype="bool")
    __gt__, __ge__ = _arithmetic(">", ctype="bool"), _arithmetic(">=", ctype="bool")

    def __neg__(self) -> Term:
        return self.trace.term(f"-{self.name}")

    def __bool__(self) -> bool:
        raise NotElementwise("a rule that looks at an array")


def _of(value: Any) -> Of:
    return value.of if isinstance(value, Number) else lambda numbers: value


def _computed(op: Callable, swapped: bool = False):
    def method(self: Number, other):
        if isinstance(other, Term):
            return NotImplemented
        a, b = (_of(other), self.of) if swapped else (self.of, _of(other))
        return Number(self.trace, lambda numbers: op(a(numbers), b(numbers)))

    return method


def _compared(op: Callable):
    def method(self: Number, other):
        a, b = self.of, _of(other)
        return self.trace.asked(lambda numbers: op(a(numbers), b(numbers)))

    return method


class Number:
    """A number in a rule: how the host finds it from what the rule is given."""

    __slots__ = ("trace", "of")

    def __init__(self, trace: Trace, of: Of):
        self.trace, self.of = trace, of

    __add__, __radd__ = _computed(operator.add), _computed(operator.add, True)
    __sub__, __rsub__ = _computed(operator.sub), _computed(operator.sub, True)
    __mul__, __rmul__ = _computed(operator.mul), _computed(operator.mul, True)
    __truediv__, __rtruediv__ = _computed(operator.truediv), _computed(operator.truediv, True)
    __pow__, __rpow__ = _computed(operator.pow), _computed(operator.pow, True)
    __lt__, __le__, __gt__, __ge__ = map(_compared, (operator.lt, operator.le, operator.gt, operator.ge))

    def __neg__(self) -> Number:
        return Number(self.trace, lambda numbers: -self.of(numbers))

    def __bool__(self) -> bool:
        return self.trace.asked(self.of)


class Namespace:
    """The array functions of rules."""

    def __init__(self, trace: Trace):
        self._trace = trace

    def _called(self, function: str, *args) -> Term:
        return self._trace.term(f"{function}({', '.join(map(self._trace.name_of, args))})")

    def sqrt(self, x):
        return self._called("sqrt", x)

    def abs(self, x):
        return self._called("fabs", x)

    def sign(self, x):
        return self._called("signum", x)

    def maximum(self, x, y):
        return self._called("larger", x, y)

    def minimum(self, x, y):
        return self._called("smaller", x, y)

    def clip(self, x, low, high):
        return self.minimum(self.maximum(x, low), high)

    def where(self, condition, x, y):
        return self._called("pick", condition, x, y)

    def __getattr__(self, name: str):
        raise NotElementwise(name)


class Update:
    """The kernel of a rule, for numbers of which what it asked is as it was."""

    def __init__(self, rule: Callable, count: int, numbers: Numbers, dtype: str):
        trace = Trace(numbers, CTYPES[dtype])
        arrays = [trace.term(f"a{i}") for i in range(count)]
        made = rule(Namespace(trace), *arrays, **{name: _traced(trace, name, value) for name, value in numbers.items()})
        if len(made) != count - 1 or not all(isinstance(m, Term) for m in made):
            raise NotElementwise("results that are no new parameter and state")
        self.answers, self.scalars = trace.answers, trace.scalars
        given = [f"{dtype} a{i}" for i in range(count)] + [f"{dtype} s{i}" for i in range(len(trace.scalars))]
        # Inputs may lie where results do: they are read before anything is written.
        text = "\n".join([*trace.lines, *(f"o{i} = {m.name};" for i, m in enumerate(made))])
        results = ", ".join(f"{dtype} o{i}" for i in range(len(made)))
        self.kernel = cupy.ElementwiseKernel(", ".join(given), results, text, "taper_update", preamble=PREAMBLE)

    def suits(self, numbers: Numbers) -> bool:
        return all(bool(of(numbers)) is answer for of, answer in self.answers)

    def run(self, arrays: list, numbers: Numbers) -> None:
        parameter, _, *state = arrays
        self.kernel(*arrays, *(float(of(numbers)) for of in self.scalars), parameter, *state)


def _traced(trace: Trace, name: str, value: Any) -> Any:
    if isinstance(value, (bool, type(None))):
        return value
    if not isinstance(value, (int, float)):
        raise NotElementwise(f"{name} = {value!r}")
    return Number(trace, lambda numbers: numbers[name])


_updates: dict[tuple, list[Update] | None] = {}
"""The kernels of a rule by its kind of arrays and of numbers; None where it has none."""


def update(rule: Callable, arrays: list, numbers: Numbers) -> bool:
    """Run a rule for a parameter, its gradient and state, which it overwrites; False where it is no kernel's."""
    first = arrays[0]
    name = first.dtype.name
    if name not in CTYPES or any(a is None or a.dtype != first.dtype or a.shape != first.shape for a in arrays):
        return False
    kinds = tuple([v if isinstance(v, (bool, type(None))) else 0 for v in numbers.values()])
    key = rule, name, len(arrays), kinds
    known = _updates.setdefault(key, [])
    if known is None:
        return False
    found = next((u for u in known if u.suits(numbers)), None)
    if found is None:
        try:
            found = Update(rule, len(arrays), numbers, name)
        except NotElementwise:
            _updates[key] = None
            return False
        known.append(found)
    found.run(arrays, numbers)
    return True
