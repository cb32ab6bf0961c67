"""Without memory: the operator, the size asked, and what holds memory are told, in forward and in steps."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import taper
from taper.autograd.shortage import out_of_memory

SCRIPT = """
import json, resource, taper
from taper import nn
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(1000, 2000)
    def forward(self, x):
        return self.first(x) + taper.ones(30000, 1, 2000)
model = Model()
held = [taper.ones(5_000_000) for _ in range(3)]
small = taper.ones(1, 1, requires_grad=True)
optimizer = taper.optim.Adam([taper.ones(1)], lr=0.1)
grown = small.expand(30000, 30000)
def step():
    p = optimizer.param_groups[0]["params"][0] = taper.empty(1).expand(30000, 30000).requires_grad_()
    p.grad = taper.zeros(1).expand(30000, 30000)
    optimizer.step()
with open("/proc/self/statm") as file:
    now = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 300_000_000,) * 2)
found = {}
for name, call in {
    "add": lambda: taper.ones(30000, 1) + taper.ones(1, 30000),
    "exp": lambda: grown.exp(),
    "zeros": lambda: taper.zeros(30000, 30000),
    "layer": lambda: model(taper.ones(1, 1000)),
    "cat": lambda: taper.cat([held[0]] * 40),
    "step": step,
    "compiled": lambda: taper.compile(lambda a: a * 2, fullgraph=True)(grown.detach()),
}.items():
    try:
        call()
        found[name] = None
    except RuntimeError as error:
        found[name] = str(error)
print(json.dumps(found))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit on memory")
def test_who_asked_for_how_much_and_what_holds_it():
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    asked = (
        r"can't allocate memory: you tried to allocate 3600000000 bytes \(3\.353 GiB\) for \(30000, 30000\) of float32"
    )
    assert re.match(
        rf"add: {asked}, computing from \(30000, 1\) of float32 and \(1, 30000\) of float32\.", found["add"]
    )
    for name in ("exp", "zeros", "cat", "compiled", "step", "layer"):
        assert "can't allocate memory" in found[name], name
        assert re.search(
            r"57\.22 MiB 3 x \(5000000,\) float32; 7\.629 MiB \(2000, 1000\) float32 \(weight of Linear\)", found[name]
        )
        assert "The process uses" in found[name] and "utils.checkpoint" in found[name]
    assert (
        found["exp"].startswith("exp: ") and found["zeros"].startswith("zeros: ") and found["cat"].startswith("cat: ")
    )
    assert (
        found["step"].startswith("Adam.step: ")
        and "240000000" not in found["cat"]
        and "800000000 bytes" in found["cat"]
    )
    assert "Model got [1, 1000]" in found["layer"]


def test_gradients_and_what_is_kept_are_named():
    layer = taper.nn.Linear(300, 400)
    kept = layer(taper.ones(50, 300)).exp()
    layer.weight.sum().backward()
    told = str(out_of_memory("exp", MemoryError("no room")))
    assert told.startswith("exp: can't allocate memory: no room. ") and kept is not None
    for words in (
        r"\(400, 300\) float32 \(weight of Linear\)",
        r"\(400, 300\) float32 \(gradient of weight of Linear\)",
    ):
        assert re.search(words, told), told
