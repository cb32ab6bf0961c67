"""Train compiled steps of a DistributedDataParallel model, and write losses, parameters, and what was captured.

compiled.py FOLDER OPTION,... ...
"""

import hashlib
import json
import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import taper

dist.init_process_group("gloo")
rank, n = dist.get_rank(), dist.get_world_size()


def model_for(options):
    if "batch" in options:
        layers = [nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3)]
    else:
        layers = [nn.Linear(6, 120), nn.ReLU(), nn.Linear(120, 120), nn.Tanh(), nn.Linear(120, 3)]
    return nn.Sequential(*layers)


def trained(*options):
    torch.manual_seed(0)
    model = DistributedDataParallel(model_for(options), bucket_cap_mb=0.01, gradient_as_bucket_view="views" in options)
    called = torch.compile(model) if "module" in options else model
    if "adam" in options:
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(x, y):
        optimizer.zero_grad(set_to_none="keep" not in options)
        if "accumulate" in options:
            with model.no_sync():
                nn.functional.cross_entropy(model(x[:2]), y[:2]).mul(2 / len(x)).backward()
            loss = nn.functional.cross_entropy(model(x[2:]), y[2:]) * ((len(x) - 2) / len(x))
        else:
            loss = nn.functional.cross_entropy(called(x), y)
        loss.backward()
        if "clip" in options:
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        whole = loss.detach().clone()
        dist.all_reduce(whole, op=dist.ReduceOp.AVG)
        return whole

    def forward(x, y):
        return nn.functional.cross_entropy(model(x), y)

    compiled = torch.compile(step, fullgraph=True)
    apart = torch.compile(forward)
    inputs = torch.linspace(-3, 3, 6 * 16 * 8).sin().reshape(8, 16, 6)
    targets = (torch.arange(8 * 16).reshape(8, 16) * 7 + 3) % 5 % 3
    losses = []
    for x, y in zip(inputs, targets):
        mine = slice(rank * 16 // n, (rank + 1) * 16 // n)
        x, y = x[mine], y[mine]
        if "apart" in options:
            optimizer.zero_grad()
            loss = apart(x, y)
            loss.backward()
            optimizer.step()
            whole = loss.detach().clone()
            dist.all_reduce(whole, op=dist.ReduceOp.AVG)
        else:
            whole = (step if "eager" in options or "module" in options else compiled)(x, y)
        losses.append(whole.item())
    nodes = []
    if "explain" in options:
        nodes = [row.what for row in taper.explain(compiled)(x, y).hosts]
    digest = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in model.parameters())).hexdigest()
    return {"losses": losses, "digest": digest, "nodes": nodes}


with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    found = {configuration: trained(*configuration.split(",")) for configuration in sys.argv[2:]}
found["warnings"] = [str(w.message) for w in told]
Path(sys.argv[1], f"{rank}.json").write_text(json.dumps(found))
dist.destroy_process_group()
