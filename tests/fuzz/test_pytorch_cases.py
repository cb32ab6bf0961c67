"""PyTorch's own cases of its operators: a sample of the calls with which it tests them, with the results that it gives."""

from __future__ import annotations

import random
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

import taper

from .outcomes import Failed, array, attempt, compare, flat

torch = pytest.importorskip("torch")

KNOWN = {
    "as_strided": "cases of views whose memory is more than they show",
    "as_strided_scatter": "PyTorch's gradient is that of the elements which were replaced",
    "empty": "memory as it was found",
    "empty_like": "memory as it was found",
    "empty_permuted": "memory as it was found",
    "empty_strided": "memory as it was found",
    "nn.functional.hardsigmoid": "PyTorch's gradient has the precision of float32",
    "special.bessel_j0": "PyTorch has seven digits of it, also in float64",
    "special.bessel_j1": "PyTorch has seven digits of it, also in float64",
    "special.bessel_y0": "PyTorch has seven digits of it, also in float64",
    "special.bessel_y1": "PyTorch has seven digits of it, also in float64",
    "new_empty": "memory as it was found",
    "new_empty_strided": "memory as it was found",
}
"""Operators whose results are not compared, and why."""

TIED = ("argsort", "kthvalue", "median", "mode", "sort", "topk")
"""Operators that give the place of one of several equal elements, with the dtypes that have many."""

UNSIGNED = ("svd", "eig", "qr", "lowrank", "lobpcg")
"""Parts of names of operators whose results are unique but for signs and order."""


def function(T, path: str):
    """The function of this name; None if there is none, or it is a class or a type."""
    for name in path.split("."):
        T = getattr(T, name, None)
    return T if callable(T) and not isinstance(T, type) else None


class Foreign(Exception):
    """An argument that only PyTorch has."""


def brought(value, leaves: list):
    """An argument of a case in Taper's terms; `leaves` collects pairs of leaves, PyTorch's and Taper's."""
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.is_quantized or value.device.type != "cpu" or value.ndim > 64:
            raise Foreign
        made = taper.from_numpy(array(value).copy()).to(getattr(taper, str(value.dtype).partition(".")[2]))
        if value.requires_grad:
            made = made.detach().requires_grad_()
            leaves.append((value, made))
        return made
    if type(value) in (list, tuple, torch.Size):
        return (list if type(value) is list else tuple)(brought(v, leaves) for v in value)
    if isinstance(value, dict):
        return {key: brought(v, leaves) for key, v in value.items()}
    if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
        found = getattr(taper, str(value).partition(".")[2], None)
        if found is None:
            raise Foreign
        return found
    if value is None or isinstance(value, (bool, int, float, complex, str, slice)):
        return value
    raise Foreign


def seeded(call, *args, **named):
    torch.default_generator.manual_seed(0)
    taper.manual_seed(0)
    return call(*args, **named)


def slopes(T, results, leaves: list) -> list:
    """Gradients of a weighted sum of the floating results; zeros where there are none."""
    live = [r for r in flat(results) if hasattr(r, "requires_grad") and r.requires_grad]
    if not live or not leaves:
        return []
    weights = [T.arange(1.0, r.numel() + 1, dtype=T.float64).reshape(r.shape) for r in live]
    total = sum(((r * w).real if r.is_complex() else r * w).sum() for r, w in zip(live, weights))
    found = T.autograd.grad(total, leaves, allow_unused=True)
    return [T.zeros_like(t) if g is None else g for t, g in zip(leaves, found)]


def agrees(op, case) -> bool:
    """Failed if Taper's results or gradients of one case are not PyTorch's; False if it cannot be asked."""
    leaves: list = []
    try:
        first, args, named = (brought(v, leaves) for v in (case.input, case.args, case.kwargs))
    except Foreign:
        return False
    theirs = attempt(lambda: seeded(op.op, case.input, *case.args, **case.kwargs))
    ours = attempt(lambda: seeded(function(taper, op.name), first, *args, **named))
    if isinstance(theirs, NotImplementedError) or isinstance(ours, NotImplementedError):
        return False
    what = f"{op.name} {case.summary()}"
    compare(ours, theirs, what)
    if not isinstance(theirs, Exception):
        compare(
            attempt(slopes, taper, ours, [t for _, t in leaves]),
            attempt(slopes, torch, theirs, [t for t, _ in leaves]),
            f"gradient of {what}",
        )
    return True


@pytest.fixture(scope="module")
def operators():
    """PyTorch's descriptions of the operators that Taper has under the same name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = pytest.importorskip("torch.testing._internal.common_methods_invocations")
    return [
        op
        for op in cases.op_db
        if function(torch, op.name) is op.op
        and function(taper, op.name)
        and op.name not in KNOWN
        and not any(part in op.name for part in UNSIGNED)
    ]


DTYPES = {torch.float64: 2, torch.int64: 1, torch.bool: 1, torch.complex128: 1}
"""How many cases of each operator."""


def cases(operators):
    """Every operator with some of its cases."""
    for op in operators:
        for dtype, count in DTYPES.items():
            if not op.supports_dtype(dtype, "cpu") or (op.name in TIED and dtype in (torch.int64, torch.bool)):
                continue
            torch.default_generator.manual_seed(0)
            random.seed(0)
            grad = dtype is torch.float64 and op.supports_autograd
            for case in islice(op.sample_inputs("cpu", dtype, requires_grad=grad), count):
                yield op, case


def wrong_cases(operators):
    """Every operator with what PyTorch refuses; where that is because of the memory of `out`, it is not brought."""
    for op in operators:
        if op.error_inputs_func is not None:
            torch.default_generator.manual_seed(0)
            for wrong in op.error_inputs("cpu"):
                if "out" not in wrong.sample_input.kwargs:
                    yield op, wrong.sample_input


def compared(pairs) -> tuple[int, list[str]]:
    """How many cases Taper was asked, and what differs."""
    asked, failures = 0, []
    for op, case in pairs:
        try:
            asked += agrees(op, case)
        except Failed as failure:
            failures.append(str(failure)[:500])
    return asked, failures


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("made, least", [(cases, 1500), (wrong_cases, 300)])
def test_pytorchs_cases(operators, made, least):
    # PyTorch describes each case with its whole stack, which is short in a thread.
    with ThreadPoolExecutor(1) as thread:
        asked, failures = thread.submit(lambda: compared(made(operators))).result()
    assert not failures, "\n".join(failures)
    assert asked > least
