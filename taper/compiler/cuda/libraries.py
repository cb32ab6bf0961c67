"""Calls of cuDNN and cuBLASLt in a compiled step: convolutions, attention, products with epilogues of arrays at addresses,
enqueued on the current stream.

They are planned before a stream is captured: convolutions at a program's first run, the others when its step is.
"""

# CuPy is not there where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from ...backends.cuda import cudnn_problems as problems
from ...backends.cuda import driver
from ...backends.cuda.cublaslt_products import Product
from ...backends.cuda.cudnn_problems import Operand, Problem
from ..heads import Heads
from ..lower.calls import Attend, Convolve, Finish

if TYPE_CHECKING:
    from ...backends.cuda.cudnn_graphs import Plan


def convolution_of(what: Convolve) -> Problem:
    """A convolution of arrays without gaps, as cuDNN's problem."""
    operands = [problems.dense(s, what.dtype, what.last) for s in (what.first, what.second, what.shape)]
    return problems.convolution(what.op, *operands, what.stride, what.padding, what.dilation)


def attention_of(heads: Heads) -> Problem:
    """Attention, or its gradient, as cuDNN's problem."""

    def operand(name: str) -> Operand:
        batch, rows, count, wide = heads.shape_of(name)
        return Operand((batch, count, rows, wide), (rows * count * wide, wide, count * wide, 1), heads.dtype)

    q, k, v = map(operand, "qkv")
    if not heads.backward:
        return problems.attention(q, k, v, None, operand("out"), heads.scale, heads.causal)
    made = tuple(map(operand, heads.results))
    return problems.attention_grad(q, k, v, None, operand("o"), operand("dO"), made, heads.scale, heads.causal)


def _plan(problem: Problem) -> Plan | None:
    driver.namespace()
    from ...backends.cuda import cudnn_graphs

    return cudnn_graphs.plan(problem)


def attends(heads: Heads) -> bool:
    """Whether cuDNN computes some attention, and its gradient, on the current GPU."""
    if not driver.fused_attention():
        return False
    return all(_plan(attention_of(replace(heads, backward=b))) is not None for b in (False, True))


def convolve(what: Convolve, addresses: list[int]) -> bool:
    """Enqueue a convolution of the first two arrays into the last; False where cuDNN has none, or for another type."""
    plan = _plan(convolution_of(what)) if what.dtype == what.out and what.dtype in problems.TYPES else None
    if plan is not None:
        plan.run(addresses)
    return plan is not None


def attend(what: Attend, addresses: list[int]) -> None:
    """Enqueue attention, or its gradient. RuntimeError where cuDNN, which could when the step was captured, cannot now."""
    heads = what.heads
    plan = _plan(attention_of(heads))
    if plan is None:
        raise RuntimeError(
            f"{heads.title}: cuDNN computed it when this step was captured, and does not now. Compile the step again after "
            "a change of taper.backends.cudnn's settings."
        )
    cupy = driver.library()

    given = len(heads.names)
    found = dict(zip(what.present, addresses[given:]))
    # What nobody reads is written all the same.
    spare = [
        cupy.empty(0 if i in found else math.prod(heads.shape_of(n)), "float32") for i, n in enumerate(heads.results)
    ]
    plan.run([*addresses[:given], *(found.get(i, a.data.ptr) for i, a in enumerate(spare))])


def fuses(product: Product) -> bool:
    """Whether cuBLASLt has a kernel for a product and its epilogue on the current GPU."""
    driver.namespace()
    from ...backends.cuda import cublaslt_plans

    return cublaslt_plans.plan(product) is not None


def finish(what: Finish, addresses: list[int]) -> None:
    """Enqueue a product with its epilogue. RuntimeError where cuBLASLt, which could when the step was captured, cannot now."""
    from ...backends.cuda import cublaslt_plans

    routine = what.routine
    plan = cublaslt_plans.plan(routine.product)
    if plan is None:
        raise RuntimeError(
            f"{routine.title}: cuBLASLt computed it when this step was captured, and does not now. Compile the step again after "
            "a change of taper.backends.cuda.matmul's settings."
        )
    cupy = driver.library()
    given = len(routine.names)
    at = dict(zip(routine.names, addresses))
    at |= {routine.results[i]: address for i, address in zip(what.present, addresses[given:])}
    spare = []
    for name in routine.results:
        if name not in at:  # what nobody reads is written all the same
            shape, dtype = routine.type_of(name)
            spare.append(cupy.empty(shape, dtype))
            at[name] = spare[-1].data.ptr
    plan.run(at["a"], at["b"], at["out"], at.get("bias", at.get("sums", 0)), at.get("aux", 0))
