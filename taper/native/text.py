"""LLVM IR as text: a module, its functions, and a builder that writes one function instruction by instruction.

Values carry their LLVM type, so one spelling serves every type and width: `b.add(x, y)` is `fadd` for `float`,
`add` for `i64`, and either on whole vectors. Control flow (phis, branches, labels) is written here and nowhere else.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np

BITS = {
    "i1": 1,
    "i8": 8,
    "i16": 16,
    "i32": 32,
    "i64": 64,
    "half": 16,
    "bfloat": 16,
    "float": 32,
    "double": 64,
    "ptr": 64,
}
FLOATS = ("half", "bfloat", "float", "double")
_SUFFIX = {"half": "f16", "bfloat": "bf16", "float": "f32", "double": "f64", "ptr": "p0"}


@dataclass(frozen=True, slots=True)
class Value:
    """An operand: how it is written, and its LLVM type (`float`, `i64`, `ptr`, `<16 x float>`)."""

    text: str
    type: str

    def __str__(self) -> str:
        return f"{self.type} {self.text}"


def vector(element: str, width: int) -> str:
    """The type of `width` lanes of `element`; one lane is the scalar itself."""
    return element if width == 1 else f"<{width} x {element}>"


def element(type: str) -> str:
    """The type of one lane."""
    return type[type.index("x") + 2 : -1] if type[0] == "<" else type


def lanes(type: str) -> int:
    """How many lanes a type has; 1 for a scalar."""
    return int(type[1 : type.index(" ")]) if type[0] == "<" else 1


def is_float(type: str) -> bool:
    return element(type) in FLOATS


def literal(value, type: str) -> str:
    """A number as LLVM writes it: floating numbers by their bits, so that none is rounded twice."""
    if type in ("i1", "i8", "i16", "i32", "i64"):
        return str(int(value))
    if type == "ptr":
        return "null"
    if type == "half":
        return f"0xH{np.float16(value).view(np.uint16):04X}"
    if type == "bfloat":
        return f"0xR{ml_dtypes.bfloat16(value).view(np.uint16):04X}"
    with np.errstate(over="ignore"):
        exact = float(np.float32(value)) if type == "float" else float(value)
    return f"0x{struct.unpack('<Q', struct.pack('<d', exact))[0]:016X}"


def const(value, type: str) -> Value:
    """A constant of any type; for a vector type, the number in every lane."""
    if type[0] == "<":
        inner = element(type)
        return Value(f"splat ({inner} {literal(value, inner)})", type)
    return Value(literal(value, type), type)


def i64(value: int) -> Value:
    return Value(str(int(value)), "i64")


@dataclass
class Module:
    """The functions of one compilation, and what they declare.

    fused: whether the machine multiplies and adds in one rounding (`Machine.fused`); where it does not, error terms
    of products are found by splitting, since an emulated `fma` is a slow call.
    modulo: whether `frem` is exact there, as C's; where it is not, vector_math/modulo.py is.
    sixteen: the types of half precision that it has instructions for (`Machine.sixteen`). The numbers of others are sixteen
    bits to LLVM, which narrow.py converts: of anything else it might do with them it would call a library's function.
    fences: whether integers are kept apart from what made them before some of their lanes are stored. LLVM's x86 back end
    merges a narrowing with a masked store, and where one lane is known to be left writes that lane before it was narrowed,
    over its neighbours (seen in LLVM 22).
    """

    functions: list[str] = field(default_factory=list)
    declarations: dict[str, str] = field(default_factory=dict)
    fused: bool = True
    modulo: bool = True
    sixteen: tuple[str, ...] = ("half", "bfloat")
    fences: bool = False

    @classmethod
    def of(cls, machine) -> Module:
        """An empty module for a processor."""
        fences = machine.masks and machine.triple.startswith("x86")
        return cls(fused=machine.fused, sixteen=machine.sixteen, fences=fences)

    def __str__(self) -> str:
        text = "\n".join([*self.declarations.values(), "", *self.functions])
        for type in ("half", "bfloat"):
            if type not in self.sixteen:
                mark, suffix = literal(0, type)[:3], _SUFFIX[type]
                text = re.sub(rf"{mark}([0-9A-F]{{4}})", lambda bits: str(int(bits[1], 16)), text)
                text = re.sub(rf"\b{type}\b", "i16", re.sub(rf"\b(v\d+|){suffix}\b", r"\1i16", text))
        return text


@dataclass
class Loop:
    """A loop being written: its index, the values carried into this round, and, at the end, those it leaves."""

    index: Value
    values: list[Value]
    results: list[Value] = field(default_factory=list)


@dataclass
class Detour:
    """A rarely taken branch being written: the values it leaves, and, at the end, those of whichever way was taken."""

    values: list[Value]
    results: list[Value] = field(default_factory=list)


class Builder:
    """Writes the function `name(arguments) -> returns` of a module; `finish` adds it there."""

    def __init__(
        self,
        module: Module,
        name: str,
        arguments: Sequence[str],
        returns: str = "void",
        attributes: str = "nounwind",
        linkage: str = "",
    ):
        self.module = module
        self.name = name
        self.returns = returns
        self.args = [Value(f"%a{i}", type) for i, type in enumerate(arguments)]
        self.lines: list[str] = []
        self.places: list[str] = []
        self.counter = 0
        self.block = "entry"
        self.attributes = attributes
        self.linkage = linkage and f"{linkage} "

    # Text.

    def fresh(self, type: str) -> Value:
        self.counter += 1
        return Value(f"%v{self.counter}", type)

    def emit(self, type: str, instruction: str) -> Value:
        """Write `%v = instruction`, a value of `type`."""
        value = self.fresh(type)
        self.lines.append(f"  {value.text} = {instruction}")
        return value

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")
        self.block = name

    def new_label(self, name: str) -> str:
        self.counter += 1
        return f"{name}{self.counter}"

    def signature(self) -> str:
        """The function's arguments."""
        return ", ".join(map(str, self.args))

    def finish(self, result: Value | None = None) -> None:
        """Return `result` and add the function to the module."""
        self.lines.append("  ret void" if result is None else f"  ret {result}")
        self.module.functions.append(
            "\n".join(
                [
                    f"define {self.linkage}{self.returns} @{self.name}({self.signature()}) {self.attributes} {{",
                    "entry:",
                    *self.places,
                    *self.lines,
                    "}\n",
                ]
            )
        )

    def place(self, type: str, count: int = 1, align: int = 64) -> Value:
        """Memory on the stack for `count` values, reserved once at the function's start."""
        self.counter += 1
        pointer = Value(f"%v{self.counter}", "ptr")
        self.places.append(f"  {pointer.text} = alloca {type}, i64 {count}, align {align}")
        return pointer

    def variable(self, first: Value) -> Value:
        """A place on the stack that holds `first` from here on; LLVM makes a register of it."""
        pointer = self.place(first.type)
        self.store(first, pointer)
        return pointer

    # Arithmetic, polymorphic in type and width.

    def _binary(self, instruction: str, x: Value, y: Value) -> Value:
        assert x.type == y.type, f"{instruction}: {x} and {y}"
        return self.emit(x.type, f"{instruction} {x.type} {x.text}, {y.text}")

    def add(self, x: Value, y: Value) -> Value:
        return self._binary("fadd contract" if is_float(x.type) else "add", x, y)

    def sub(self, x: Value, y: Value) -> Value:
        return self._binary("fsub contract" if is_float(x.type) else "sub", x, y)

    def mul(self, x: Value, y: Value) -> Value:
        return self._binary("fmul contract" if is_float(x.type) else "mul", x, y)

    def exact(self, instruction: str, x: Value, y: Value) -> Value:
        """`fadd`, `fsub` or `fmul` that is never contracted into a fused multiply-add."""
        return self._binary(instruction, x, y)

    def div(self, x: Value, y: Value, signed: bool = True) -> Value:
        return self._binary("fdiv" if is_float(x.type) else "sdiv" if signed else "udiv", x, y)

    def rem(self, x: Value, y: Value, signed: bool = True) -> Value:
        return self._binary("frem" if is_float(x.type) else "srem" if signed else "urem", x, y)

    def neg(self, x: Value) -> Value:
        if is_float(x.type):
            return self.emit(x.type, f"fneg {x}")
        return self._binary("sub", const(0, x.type), x)

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        """x y + z, rounded once."""
        return self.intrinsic("fma", x.type, x, y, z)

    def logical(self, instruction: str, x: Value, y: Value) -> Value:
        """`and`, `or`, `xor`, `shl`, `lshr`, `ashr` on integers."""
        return self._binary(instruction, x, y)

    def invert(self, x: Value) -> Value:
        return self._binary("xor", x, const(-1 if x.type != "i1" and element(x.type) != "i1" else 1, x.type))

    def compare(self, relation: str, x: Value, y: Value, signed: bool = True) -> Value:
        """One of < <= > >= == !=, false for NaN but for !=; an `i1` for each lane."""
        assert x.type == y.type, f"{relation}: {x} and {y}"
        if element(x.type) in ("half", "bfloat"):
            x, y = self.convert(x, "float"), self.convert(y, "float")
        word = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}[relation]
        if is_float(x.type):
            instruction = f"fcmp {'u' if relation == '!=' else 'o'}{word}"
        else:
            sign = "" if relation in ("==", "!=") else "s" if signed else "u"
            instruction = f"icmp {sign}{word}"
        return self.emit(vector("i1", lanes(x.type)), f"{instruction} {x.type} {x.text}, {y.text}")

    def is_nan(self, x: Value) -> Value:
        if element(x.type) in ("half", "bfloat"):
            x = self.convert(x, "float")
        return self.emit(vector("i1", lanes(x.type)), f"fcmp uno {x.type} {x.text}, {x.text}")

    def select(self, condition: Value, x: Value, y: Value) -> Value:
        assert x.type == y.type, f"select: {x} and {y}"
        return self.emit(x.type, f"select {condition}, {x}, {y}")

    def intrinsic(self, name: str, returns: str, *arguments: Value, overloads: Sequence[str] | None = None) -> Value:
        """A call of `llvm.name`, mangled by `overloads` (types; default: that of the result)."""
        mangled = "".join(f".{mangle(t)}" for t in (overloads if overloads is not None else [returns]))
        return self.call(f"llvm.{name}{mangled}", returns, *arguments)

    def call(self, name: str, returns: str, *arguments: Value) -> Value:
        """Call a function, declaring it; the value means nothing if it returns void."""
        types = ", ".join(a.type for a in arguments)
        self.module.declarations.setdefault(name, f"declare {returns} @{name}({types})")
        text = f"call {returns} @{name}({', '.join(map(str, arguments))})"
        if returns == "void":
            self.lines.append(f"  {text}")
            return Value("undef", "void")
        return self.emit(returns, text)

    def call_local(self, name: str, returns: str, *arguments: Value) -> Value:
        """Call a function that this module defines."""
        text = f"call {returns} @{name}({', '.join(map(str, arguments))})"
        if returns == "void":
            self.lines.append(f"  {text}")
            return Value("undef", "void")
        return self.emit(returns, text)

    def call_address(self, function: Value, *arguments: Value) -> None:
        """Call a function that returns nothing, by its address."""
        self.lines.append(f"  call void {function.text}({', '.join(map(str, arguments))})")

    def sqrt(self, x: Value) -> Value:
        return self.intrinsic("sqrt", x.type, x)

    def abs(self, x: Value) -> Value:
        if is_float(x.type):
            return self.intrinsic("fabs", x.type, x)
        return self.call(f"llvm.abs.{mangle(x.type)}", x.type, x, Value("0", "i1"))

    def round_to(self, how: str, x: Value) -> Value:
        """`floor`, `ceil`, `trunc` or `roundeven` of a floating value."""
        return self.intrinsic(how, x.type, x)

    # Conversions.

    def bitcast(self, x: Value, type: str) -> Value:
        return x if x.type == type else self.emit(type, f"bitcast {x} to {type}")

    def convert(self, x: Value, to: str, signed: bool = True) -> Value:
        """A value as another element type (`signed`: how integers are read); the number of lanes stays."""
        source, target = element(x.type), element(to)
        type = vector(target, lanes(x.type))
        if source == target:
            return x
        missing = [t for t in (source, target) if BITS[t] == 16 and t in FLOATS and t not in self.module.sixteen]
        if target == "bfloat" or missing:
            from .narrow import FROM, TO

            if source in missing:
                return self.convert(FROM[source](self, x), to, signed)
            return TO[target](self, self.convert(x, "float", signed))
        if source in FLOATS and target in FLOATS:
            if BITS[source] == BITS[target] or (source == "double" and BITS[target] == 16):
                # From double LLVM would call a function of a library that is not there.
                return self.convert(self.convert(x, "float"), to)
            word = "fpext" if BITS[target] > BITS[source] else "fptrunc"
        elif source in FLOATS:
            if target == "i1":
                return self.compare("!=", x, const(0, x.type))
            # Out of range is undefined for fptosi; the saturating form has a value for everything.
            name = f"llvm.fpto{'s' if signed else 'u'}i.sat.{mangle(type)}.{mangle(x.type)}"
            return self.call(name, type, x)
        elif target in FLOATS:
            word = "sitofp" if signed and source != "i1" else "uitofp"
        elif target == "i1":
            return self.compare("!=", x, const(0, x.type))
        else:
            word = "trunc" if BITS[target] < BITS[source] else "sext" if signed and source != "i1" else "zext"
        return self.emit(type, f"{word} {x} to {type}")

    # Memory.

    def offset(self, pointer: Value, index: Value, of: str) -> Value:
        """The address of element `index` of an array of `of`."""
        return self.emit(pointer.type, f"getelementptr inbounds {of}, {pointer}, {index}")

    def load(self, type: str, pointer: Value, align: int | None = None) -> Value:
        align = align or max(1, BITS[element(type)] // 8)
        return self.emit(type, f"load {type}, {pointer}, align {align}")

    def store(self, value: Value, pointer: Value, align: int | None = None) -> None:
        align = align or max(1, BITS[element(value.type)] // 8)
        self.lines.append(f"  store {value}, {pointer}, align {align}")

    def masked_load(self, type: str, pointer: Value, mask: Value, otherwise: Value | None = None) -> Value:
        """Load the lanes whose mask is set; the others get `otherwise` (default: zero)."""
        otherwise = otherwise or Value("zeroinitializer", type)
        name = f"llvm.masked.load.{mangle(type)}.p0"
        return self.call(name, type, pointer, i32(BITS[element(type)] // 8), mask, otherwise)

    def masked_store(self, value: Value, pointer: Value, mask: Value) -> None:
        kind = element(value.type)
        narrow = kind in ("i8", "i16", "i32") or kind in ("half", "bfloat") and kind not in self.module.sixteen
        if self.module.fences and narrow:
            bits = self.bitcast(value, vector("float", lanes(value.type) * BITS[kind] // 32))
            value = self.bitcast(self.intrinsic("arithmetic.fence", bits.type, bits), value.type)
        name = f"llvm.masked.store.{mangle(value.type)}.p0"
        self.call(name, "void", value, pointer, i32(BITS[element(value.type)] // 8), mask)

    def gather(self, type: str, pointers: Value, mask: Value) -> Value:
        """One lane from each pointer whose mask is set, zero in the others."""
        name = f"llvm.masked.gather.{mangle(type)}.v{lanes(type)}p0"
        return self.call(name, type, pointers, i32(BITS[element(type)] // 8), mask, Value("zeroinitializer", type))

    def scatter(self, value: Value, pointers: Value, mask: Value) -> None:
        """Each lane whose mask is set to its pointer."""
        name = f"llvm.masked.scatter.{mangle(value.type)}.v{lanes(value.type)}p0"
        self.call(name, "void", value, pointers, i32(BITS[element(value.type)] // 8), mask)

    def prefetch(self, pointer: Value, near: int = 3) -> None:
        """near: 3 into the first cache, 2 into the second."""
        self.call("llvm.prefetch.p0", "void", pointer, i32(0), i32(near), i32(1))

    # Vectors.

    def splat(self, x: Value, width: int) -> Value:
        """A scalar in every lane."""
        if width == 1:
            return x
        type = vector(x.type, width)
        if x.text[0] != "%":
            return Value(f"splat ({x})", type)
        one = self.emit(type, f"insertelement {type} poison, {x}, i32 0")
        return self.emit(type, f"shufflevector {one}, {type} poison, <{width} x i32> zeroinitializer")

    def shuffle(self, x: Value, y: Value, order: Sequence[int]) -> Value:
        """Lanes of x and y together, in `order`."""
        places = ", ".join(f"i32 {i}" for i in order)
        type = vector(element(x.type), len(order))
        return self.emit(type, f"shufflevector {x}, {y}, <{len(order)} x i32> <{places}>")

    def extract(self, x: Value, lane: int) -> Value:
        return self.emit(element(x.type), f"extractelement {x}, i32 {lane}")

    def fold(self, combine, x: Value) -> Value:
        """All lanes combined to a scalar: halves onto halves, always the same tree."""
        width = lanes(x.type)
        while width > 2:
            width //= 2
            low = self.shuffle(x, x, range(width))
            high = self.shuffle(x, x, range(width, 2 * width))
            x = combine(low, high)
        return combine(self.extract(x, 0), self.extract(x, 1)) if width == 2 else x

    def any(self, condition: Value) -> Value:
        """Whether an `i1` of some lane is set."""
        if lanes(condition.type) == 1:
            return condition
        return self.intrinsic("vector.reduce.or", "i1", condition, overloads=[condition.type])

    def lane_numbers(self, type: str) -> Value:
        """0, 1, 2, ... as a constant vector of an integer type."""
        inner = element(type)
        if lanes(type) == 1:
            return const(0, type)
        return Value("<" + ", ".join(f"{inner} {i}" for i in range(lanes(type))) + ">", type)

    # Control flow.

    @contextmanager
    def loop(self, start: Value, stop: Value, step: Value | None = None, carry: Sequence[Value] = ()) -> Iterator[Loop]:
        """`for index in range(start, stop, step)`, with values carried from round to round.

        Inside, `loop.values` are the carried values; assign the new ones to it. Afterwards `loop.results` are the last.
        """
        step = step or i64(1)
        head, body, done = self.new_label("loop"), self.new_label("body"), self.new_label("done")
        before = self.block
        self.lines.append(f"  br label %{head}")
        self.label(head)
        index = self.fresh("i64")
        heads = [self.fresh(v.type) for v in carry]
        place = len(self.lines)
        self.lines.append("")  # the phis, when the back edge is known
        go = self.compare("<", index, stop)
        self.lines.append(f"  br {go}, label %{body}, label %{done}")
        self.label(body)
        loop = Loop(index, list(heads))
        yield loop
        following = self.add(index, step)
        back = self.block
        assert [v.type for v in loop.values] == [v.type for v in carry], "carried values changed their types"
        phis = [f"  {index.text} = phi i64 [ {start.text}, %{before} ], [ {following.text}, %{back} ]"]
        for phi, first, last in zip(heads, carry, loop.values):
            phis.append(f"  {phi.text} = phi {phi.type} [ {first.text}, %{before} ], [ {last.text}, %{back} ]")
        self.lines[place] = "\n".join(phis)
        self.lines.append(f"  br label %{head}")
        self.label(done)
        loop.results = heads

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Run what is written inside only if a scalar condition holds; it may not define values used outside."""
        then, done = self.new_label("then"), self.new_label("done")
        self.lines.append(f"  br {condition}, label %{then}, label %{done}")
        self.label(then)
        yield
        self.lines.append(f"  br label %{done}")
        self.label(done)

    @contextmanager
    def detour(self, condition: Value, usual: Sequence[Value]) -> Iterator[Detour]:
        """Replace the `usual` values by others only if a scalar condition holds.

        Inside, assign the others to `detour.values`; afterwards `detour.results` are the values to go on with.
        """
        then, done = self.new_label("detour"), self.new_label("rejoin")
        before = self.block
        self.lines.append(f"  br {condition}, label %{then}, label %{done}")
        self.label(then)
        detour = Detour(list(usual))
        yield detour
        back = self.block
        assert [v.type for v in detour.values] == [v.type for v in usual], "a detour changed the types of its values"
        self.lines.append(f"  br label %{done}")
        self.label(done)
        for first, last in zip(usual, detour.values):
            detour.results.append(
                self.emit(first.type, f"phi {first.type} [ {first.text}, %{before} ], [ {last.text}, %{back} ]")
            )


def i32(value: int) -> Value:
    return Value(str(int(value)), "i32")


def mangle(type: str) -> str:
    """A type as intrinsics' names spell it: v16f32, i64, p0."""
    inner = element(type)
    text = _SUFFIX.get(inner, inner)
    return text if type[0] != "<" else f"v{lanes(type)}{text}"
