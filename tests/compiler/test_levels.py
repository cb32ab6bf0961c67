"""Compiled functions for less than this processor (TAPER_CPU): dtypes for which LLVM would like to call a library's functions.

Code that calls what is nowhere ended the process once, so each level runs in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("llvmlite")
from taper.native.machine import LEVELS, host, level

SCRIPT = """
import taper
from taper.nn import functional as F

FUNCTIONS = {
    "arithmetic": lambda x, y: [x + y, x - y, x * y, x / y, x // y, x % y, taper.fmod(x, y), -x],
    "order": lambda x, y: [taper.maximum(x, y), taper.minimum(x, y), x < y, x == y, x != y, x.clamp(1, 3), x.sign(), x.abs()],
    "choice": lambda x, y: [taper.where(x > y, x, y), x.masked_fill(x > y, 2), x.isnan(), x.bool(), taper.logical_and(x, y)],
    "bits": lambda x, y: [x & y, x | y, x ^ y, ~x, x << (y % 4), x >> (y % 4)],
    "rounding": lambda x, y: [x.floor(), x.ceil(), x.trunc(), x.round(), taper.copysign(x, -y), taper.signbit(x)],
    "functions": lambda x, y: [x.exp(), x.tanh(), F.gelu(x), y.sqrt(), y.pow(1.5)],
    "sums": lambda x, y: [x.sum(), x.sum(0), x.prod(1), x.amax(1), x.argmax(0), x.any(), x.cumsum(1), x.softmax(1), x.float().var()],
    "movement": lambda x, y: [taper.cat([x, y]), x.t(), x.flip(0), x[1:, ::2], x[taper.tensor([2, 0])], x.roll(1, 1), x.tril()],
    "products": lambda x, y: [x @ y.t(), x.t() @ y, (x @ y.t()).relu() + 1, x[0] @ y[0]],
    "scattered": lambda x, y: [taper.zeros_like(x).index_add(0, taper.tensor([0, 1, 1, 0, 2]), y)],
    "cross entropy": lambda x, y: [F.cross_entropy(x, taper.arange(5)), F.log_softmax(x, 1)],
}
DTYPES = ["float16", "bfloat16", "uint8"]
NEAR = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 1e-4}

for dtype in DTYPES:
    taper.manual_seed(0)
    of = getattr(taper, dtype)
    x, y = taper.randint(0, 7, (5, 9)).to(of), taper.randint(1, 7, (5, 9)).to(of)
    if of.is_floating_point:
        x, y = x - taper.rand(5, 9).to(of), y + taper.rand(5, 9).to(of)
    for name, function in FUNCTIONS.items():
        try:
            expected = function(x, y)
        except (RuntimeError, TypeError, NotImplementedError):
            continue  # not an operation of this dtype
        found = taper.compile(function, fullgraph=True)(x, y)
        for i, (a, b) in enumerate(zip(found, expected, strict=True)):
            assert a.dtype == b.dtype, (dtype, name, i, a.dtype, b.dtype)
            near = NEAR.get(str(a.dtype).removeprefix("torch."), 0)
            assert taper.allclose(a.double(), b.double(), rtol=near, atol=near, equal_nan=True), (dtype, name, i, a, b)
print("agree")
"""


@pytest.mark.parametrize("name", LEVELS)
def test_small_dtypes(name, tmp_path):
    if not host().triple.startswith("x86_64") or level(name).vector_bits > host().vector_bits:
        pytest.skip(f"this processor does not run {name}")
    environment = os.environ | {"TAPER_CPU": name, "TAPER_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, env=environment)
    assert done.stdout.strip() == "agree", (done.returncode, done.stdout, done.stderr[-2000:])
