"""What an operator is: a forward function and one derivative rule per differentiable input, each written once.

    mul = op("mul", lambda xp, x, y: x * y, promote=ARITHMETIC,
             x=lambda xp, g, y: g * y,
             y=lambda xp, g, x: g * x)

`forward(xp, *inputs, **attrs)`: positional parameters are arrays (or None, or Python numbers where promotion allows
them), keyword-only parameters are attributes. A rule's parameter names decide what the tape keeps:

    x            that input                     x_shape, x_dtype    only its shape or NumPy dtype
    x_last       whether it is of images that lie channels last
    out          the result                     an attribute's name     its value
    out1, out2   the further results where there are several differentiable ones
    an aux name  an intermediate that forward returned beside its result

Broadcasting, promotion, half precision and accumulation are the tape's business; a rule that mentions them is wrong.
The rules run on arrays, and once more on tensors when a derivative is itself differentiated.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import CO_VARARGS

from ..backends.cpu.large import fused as in_one_pass

# How an operator's inputs are brought to one dtype before forward runs.
ARITHMETIC = "arithmetic"  # PyTorch's promotion; the result has the promoted type
FLOAT = "float"  # promotion, and integers become the default floating type
COMPARE = "compare"  # promotion of the inputs; the result is bool, or an index
AS_IS = "as is"  # the inputs keep their types: movement, indexing, selection

REGISTRY: dict[str, Operator] = {}
"""Every operator by name."""


class Operator:
    """One operator: its name, its meaning, its derivatives. Made by `op`, never changed."""

    __slots__ = (
        *("name", "forward", "inputs", "variadic", "attrs", "rules", "joint", "promote", "outputs", "aux", "view"),
        *("grad_name", "half_native", "broadcasts", "part", "plans", "code", "refuses", "fused", "differentiable"),
        *("first", "single"),
    )

    def __init__(
        self,
        name,
        forward,
        rules,
        joint,
        promote,
        outputs,
        aux,
        view,
        grad_name,
        half_native,
        broadcasts,
        part,
        refuses,
        fused,
        first,
    ):
        self.part, self.first = part, first
        self.refuses = refuses
        self.broadcasts = broadcasts or promote != AS_IS
        self.fused = fused
        self.name, self.promote, self.view = name, promote, view
        self.forward = in_one_pass(forward, fused) if fused else forward
        self.outputs, self.aux, self.half_native = outputs, aux, half_native
        self.single = outputs == 1 and not view  # one result of its own, perhaps with what the rules alone take
        self.code = self.forward.__code__  # by which a profile knows it
        self.inputs, self.variadic, self.attrs = _parameters(forward)
        self.joint = joint
        self.rules = rules
        self.differentiable = joint is not None or any(rule is not None for rule in rules.values())
        self.grad_name = grad_name or "".join(p.capitalize() for p in name.split("_")) + "Backward0"
        self.plans: dict[int, Plan] = {}
        unknown = set(rules) - set(self.inputs)
        if unknown:
            raise TypeError(f"{name}: rules for {sorted(unknown)}, but the inputs are {self.inputs}")

    def plan(self, mask: int) -> Plan:
        """What the tape keeps and later runs when the inputs in `mask` (bit i: input i) need a gradient."""
        found = self.plans.get(mask)
        if found is None:
            found = self.plans[mask] = Plan(self, mask)
        return found

    def __repr__(self) -> str:
        return f"<operator {self.name}>"


class Plan:
    """For one operator and one set of inputs that need gradients: what to keep, which rules to run.

    `keep` lists (kind, index or name) of the values to save; `steps` lists (input index, rule, positions in `keep`).
    A joint rule is one step with input index -1.
    """

    __slots__ = ("op", "mask", "keep", "steps", "node_class", "flow", "save", "holds")

    INPUT, OUTPUT, SHAPE, DTYPE, ATTR, AUX, LAST = range(7)
    FACTS = {"shape": SHAPE, "dtype": DTYPE, "last": LAST}

    def __init__(self, operator: Operator, mask: int):
        self.op, self.mask = operator, mask
        self.keep: list[tuple[int, int | str]] = []
        self.steps: list[tuple[int, Callable, tuple[int, ...]]] = []
        self.node_class = None
        self.flow: Callable | None = None  # made by the tape when first needed
        self.save: Callable | None = None  # likewise
        if operator.joint is not None:
            self.steps.append((-1, operator.joint, self._positions(operator.joint)))
        else:
            for i, name in enumerate(operator.inputs):
                rule = operator.rules.get(name)
                if mask >> i & 1 and rule is not None:
                    self.steps.append(
                        (i, in_one_pass(rule, operator.fused) if operator.fused else rule, self._positions(rule))
                    )
        if any(kind == Plan.AUX for kind, _ in self.keep):
            # A differentiated derivative computes the intermediates again from the inputs.
            everything = [(Plan.INPUT, i) for i in range(len(operator.inputs))]
            everything += [(Plan.ATTR, name) for name in operator.attrs]
            self.keep += [key for key in everything if key not in self.keep]

        # What holds no tensor can run backward again and again.
        self.holds = any(kind in (Plan.INPUT, Plan.OUTPUT, Plan.AUX) for kind, _ in self.keep)

    def _positions(self, rule: Callable) -> tuple[int, ...]:
        positions = []
        for name in rule.__code__.co_varnames[2 : rule.__code__.co_argcount]:
            key = self._key(name)
            if key not in self.keep:
                self.keep.append(key)
            positions.append(self.keep.index(key))
        return tuple(positions)

    def _key(self, name: str) -> tuple[int, int | str]:
        op = self.op
        if name in op.inputs:
            return Plan.INPUT, op.inputs.index(name)
        if name == "out":
            return Plan.OUTPUT, 0
        if op.outputs is None and name in ("out1", "out2"):
            return Plan.OUTPUT, int(name[3:])
        if name in op.attrs:
            return Plan.ATTR, name
        if name in op.aux:
            return Plan.AUX, op.aux.index(name)
        base, _, what = name.rpartition("_")
        if base in op.inputs and what in Plan.FACTS:
            return Plan.FACTS[what], op.inputs.index(base)
        if name == "needs":
            return Plan.ATTR, "needs"
        raise TypeError(f"{op.name}: a rule asks for {name!r}, which is neither input, attribute, output nor aux")


def _parameters(forward: Callable) -> tuple[tuple[str, ...], bool, tuple[str, ...]]:
    """Names of a forward function's inputs, whether they are one `*xs`, and names of its attributes."""
    # The code object knows; `inspect.signature` would take half of Taper's import time.
    code = forward.__code__
    n, m = code.co_argcount, code.co_kwonlyargcount
    names = code.co_varnames
    variadic = bool(code.co_flags & CO_VARARGS)
    inputs = names[1:n] + (names[n + m : n + m + 1] if variadic else ())
    return inputs, variadic, names[n : n + m]


def op(
    name: str,
    forward: Callable,
    *,
    joint: Callable | None = None,
    promote: str = AS_IS,
    outputs: int | None = 1,
    aux: tuple[str, ...] = (),
    view: bool = False,
    grad_name: str | None = None,
    half_native: bool = False,
    broadcasts: bool = False,
    part: Callable | None = None,
    refuses: str = "",
    fused: float = 0,
    first: int = 0,
    **rules: Callable | None,
) -> Operator:
    """Define an operator.

    joint: one rule for all inputs, returning a tuple of gradients in input order; `needs` gives it the wanted inputs.
    promote: how input dtypes are made one (ARITHMETIC, FLOAT, COMPARE, AS_IS).
    outputs: how many results; beyond the first they are not differentiable (indices). None: any number of
        differentiable results, and `g` is then a tuple with zeros for results that were not used.
    aux: names of what forward returns after its results for the rules alone.
    view: the result shares memory with the first input where the array library can.
    half_native: forward takes float16/bfloat16 as they are (movement, comparison); else it runs in float32.
    part: for a view with outputs=None: `part(attrs, i, made) -> (operator, attrs)` says which view of the input alone
        result i is, so that changing it in place can be replayed.
    broadcasts: gradients are summed to the inputs' shapes (always so where dtypes are promoted).
    refuses: the kinds of dtype (NumPy's letters: b, i, u, f, c) in which it does not compute, once promoted.
    fused: for elementwise operators that NumPy computes in several passes, or slowly: about how many nanoseconds it takes
        for an element. Where that makes much, they run natively.
    first: the input whose edge a node's `next_functions` shows first, if it needs a gradient: PyTorch's order is another.
    rules: input name -> rule(xp, g, kept values...). An input without a rule is not differentiable.
    """
    if name in REGISTRY:
        raise TypeError(f"operator {name} is defined twice")
    made = Operator(
        *(name, forward, rules, joint, promote, outputs, aux, view, grad_name, half_native, broadcasts, part, refuses),
        *(fused, first),
    )
    REGISTRY[name] = made
    return made
