"""`FlopCounterMode`: the floating-point operations of products, convolutions and attention, by module.

with FlopCounterMode(display=False) as counter:
    model(x).sum().backward()
counter.get_total_flops()

A multiplication and an addition are two operations. Everything else counts nothing, as in PyTorch.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ..autograd.nodes import Node
from ..autograd.profiler import Recorder
from ..autograd.tape import next_sequence
from ..nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from ..ops.operator import Plan
from ..refusal import refused

__all__ = ["FlopCounterMode", "register_flop_formula"]

register_flop_formula = refused(
    "utils.flop_counter.register_flop_formula",
    "Give FlopCounterMode a custom_mapping from operators' names to formulas.",
)


def _matmul(a, b, *rest) -> int:
    return 2 * math.prod(a) * b[-1] if len(a) > 1 and len(b) > 1 else 0


def _conv(x, w, *rest, out) -> int:
    return 2 * math.prod(out) * math.prod(w[1:])


def _attention(q, k, v, *rest) -> int:
    return 2 * math.prod(q[:-1]) * k[-2] * (q[-1] + v[-1])


# Operator of Taper's: PyTorch's name for what it does, and the operations of inputs of these shapes.
_FORWARD: dict[str, tuple[str, Callable[..., int]]] = {
    "matmul": ("mm", lambda *shapes, out: _matmul(*shapes)),
    "bmm": ("bmm", lambda *shapes, out: _matmul(*shapes)),
    "addmm": ("addmm", lambda c, a, b, *rest, out: _matmul(a, b)),
    "baddbmm": ("baddbmm", lambda c, a, b, *rest, out: _matmul(a, b)),
    "linear": ("addmm", lambda x, w, *rest, out: 2 * math.prod(x) * w[0]),
    "conv": ("convolution", _conv),
    "conv_input_grad": ("convolution", lambda g, w, *rest, out: _conv(g, w, out=g)),
    "attention": ("_scaled_dot_product_flash_attention_for_cpu", lambda *shapes, out: _attention(*shapes)),
    "joint_attention": (
        "_scaled_dot_product_flash_attention_for_cpu",
        lambda joint, *rest, out: _attention(*_shared(joint)),
    ),
}


def _input_shape(node: Node, i: int):
    """The shape of a node's input, if what it saved tells it."""
    assert node.plan is not None and node.saved is not None
    for (kind, where), value in zip(node.plan.keep, node.saved):
        if where == i and kind == Plan.INPUT and hasattr(value, "_array"):
            return value._array.shape
        if where == i and kind == Plan.SHAPE:
            return value
    return None


def _shared(joint) -> list[tuple[int, ...]]:
    """The shapes of queries, keys and values that lie beside each other."""
    return [(*joint[:-1], joint[-1] // 3)] * 3


def _backward(node: Node, g) -> tuple[str, int]:
    """PyTorch's name for what a node does, and its operations: the forward ones for each gradient that is wanted."""
    if node.plan is None or node.saved is None or not hasattr(g, "shape"):
        return "", 0
    name, wanted = node.plan.op.name, sum(e is not None for e in node.edges[:2])
    a, b = _input_shape(node, 0), _input_shape(node, 1)
    if name in ("matmul", "bmm") and len(g.shape) > 1:
        inner = a[-1] if a is not None else b[-2] if b is not None else 0
        return ("bmm" if len(g.shape) > 2 else "mm"), wanted * 2 * math.prod(g.shape) * inner
    if name == "linear":
        inner = a[-1] if a is not None else b[-1] if b is not None else 0
        return "mm", wanted * 2 * math.prod(g.shape) * inner
    if name in ("conv", "conv_input_grad") and b is not None:
        spread = g.shape if name == "conv" else a
        return "convolution_backward", wanted * _conv(None, b, out=spread) if spread is not None else 0
    if name == "joint_attention" and a is not None:
        name, (a, b, _) = "attention", _shared(a)
    if name == "attention" and a is not None and b is not None:
        # The weights again, and a product for each of the gradients of values, weights, queries and keys.
        return f"{_FORWARD[name][0]}_backward", 5 * 2 * math.prod(a[:-1]) * b[-2] * a[-1]
    return "", 0


class _Counter(Recorder):
    """Notes the operations of each call from `start` to `stop`."""

    def __init__(self, add: Callable[[str, int, int | None], None], custom: dict):
        super().__init__(shapes=True)
        self.add, self.custom = add, custom

    def open(self, name: str, key, kind: str, facts) -> None:
        self.stack().append((key, facts))
        if facts is None and kind == "cpu_op":
            node = key.f_locals.get("self")
            if isinstance(node, Node):
                word, count = _backward(node, key.f_locals.get("g"))
                self.add(word, count, node.seq)

    def close(self, result=None) -> None:
        _, facts = self.stack().pop()
        if facts is None:
            return
        name, shapes = facts
        out = getattr(result, "shape", None)
        if name in self.custom:
            self.add(name, self.custom[name](*map(tuple, shapes), out_shape=out), None)
        elif name in _FORWARD and result is not None:
            word, formula = _FORWARD[name]
            if name == "linear" and len(shapes) < 3:
                word = "mm"
            if name == "matmul" and len(shapes[1]) > 2:
                word = "bmm"
            self.add(word, formula(*shapes, out=out), None)

    def stop(self) -> None:
        import sys
        import threading

        sys.setprofile(self.before)
        threading.setprofile(self.before)


class FlopCounterMode:
    """A scope that counts. `get_total_flops()`, and `get_flop_counts()` by module and by operator's name ("aten.mm").

    mods: has no effect, as in PyTorch: every module is watched. depth: how deep the table goes that is printed at the end, unless
    display is False. custom_mapping: from names of Taper's operators to formulas f(*shapes, out_shape=...). What a compiled program does
    is not counted.
    """

    def __init__(
        self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: dict[str, Callable] | None = None
    ):
        self.depth, self.display = depth, display
        self.flop_counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._counter = _Counter(self._add, dict(custom_mapping or {}))
        self._open: list[tuple[str, Any, int]] = []
        self._calls: list[tuple[int, int, str]] = []
        self._names: dict[int, str] = {}

    def _add(self, word: str, count: int, sequence: int | None) -> None:
        if not count:
            return
        word = f"aten.{word}"
        self.flop_counts["Global"][word] += count
        if sequence is None:
            modules = {name for name, _, _ in self._open}
        else:
            modules = {name for start, stop, name in self._calls if start < sequence < stop}
        for name in modules:
            self.flop_counts[name][word] += count

    def _enters(self, module, args) -> None:
        if not self._open or id(module) not in self._names:
            root = type(module).__name__
            self._names.update({id(m): f"{root}.{name}" if name else root for name, m in module.named_modules()})
        self._open.append((self._names[id(module)], module, next_sequence()))

    def _leaves(self, module, args, output) -> None:
        name, _, start = self._open.pop()
        self._calls.append((start, next_sequence(), name))

    def __enter__(self) -> FlopCounterMode:
        self.flop_counts.clear()
        self._calls.clear()
        self._hooks = [
            register_module_forward_pre_hook(self._enters),
            register_module_forward_hook(self._leaves, always_call=True),
        ]
        self._counter.start()
        return self

    def __exit__(self, *error) -> None:
        self._counter.stop()
        for hook in self._hooks:
            hook.remove()
        if self.display:
            print(self.get_table(self.depth))

    def get_total_flops(self) -> int:
        """All operations."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[str, int]]:
        """Operations by operator's name, for each module by its path, and for "Global"."""
        return {name: dict(counts) for name, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """The modules down to a depth, their operations and their share, as text."""
        depth = 999999 if depth is None else depth
        total = self.get_total_flops()
        rows = [("Module", "FLOP", "% Total")]
        for name in sorted(self.flop_counts, key=lambda n: (n != "Global", n)):
            level = 0 if name == "Global" else name.count(".") + 1
            if level > depth:
                continue
            counts = self.flop_counts[name]
            here = sum(counts.values())
            rows.append((" " * level + name, _short(here, total), f"{100 * here / total if total else 0:.2f}%"))
            rows += [
                (" " * level + f" - {word}", _short(n, total), f"{100 * n / total:.2f}%")
                for word, n in counts.items()
                if n
            ]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
        return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])


def _short(count: int, total: int) -> str:
    """A count in the unit in which the total is read best."""
    power = max(0, min(4, (len(str(total)) - 1) // 3))
    return f"{count / 1000**power:.3f}{('', 'K', 'M', 'B', 'T')[power]}" if power else str(count)
