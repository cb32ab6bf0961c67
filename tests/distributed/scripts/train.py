"""Train on shares of batches, and write the losses of the whole batches and the parameters.

train.py FOLDER MODEL,OPTION,... ...
"""

import hashlib
import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
rank, n = dist.get_rank(), dist.get_world_size()


class Branches(nn.Module):
    """Of two branches each process uses one in turn; a third is never used."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.branches = nn.ModuleList([nn.Linear(8, 3) for _ in range(3)])
        self.step = 0

    def forward(self, x):
        self.step += 1
        return self.branches[(self.step + rank) % 2](self.first(x).relu())


def mlp():
    return nn.Sequential(nn.Linear(6, 120), nn.ReLU(), nn.Linear(120, 120), nn.Tanh(), nn.Linear(120, 3))


def norms():
    images = [nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()]
    vectors = [nn.Flatten(), nn.Linear(24, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)]
    return nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(*images, *vectors))


MODELS = {"mlp": mlp, "norms": norms, "branches": Branches}


def optimizer_for(wrapped, options):
    if "zero" in options:
        return ZeroRedundancyOptimizer(wrapped.parameters(), torch.optim.Adam, lr=0.01)
    if "adam" in options:
        return torch.optim.Adam(wrapped.parameters(), lr=0.01)
    return torch.optim.SGD(wrapped.parameters(), lr=0.05, momentum=0.9)


def losses_of(wrapped, optimizer, dtype, options):
    loss_of = nn.CrossEntropyLoss()
    inputs = torch.linspace(-3, 3, 6 * 16 * 8).sin().reshape(8, 16, 6).to(dtype)
    targets = (torch.arange(8 * 16).reshape(8, 16) * 7 + 3) % 5 % 3
    for step in range(8):
        mine = slice(rank * 16 // n, (rank + 1) * 16 // n)
        x, y = inputs[step][mine], targets[step][mine]
        if "accumulate" in options:
            half = len(x) // 2
            with wrapped.no_sync():
                first = loss_of(wrapped(x[:half]), y[:half]) / 2
                first.backward()
            second = loss_of(wrapped(x[half:]), y[half:]) / 2
            second.backward()
            loss = first + second
        else:
            loss = loss_of(wrapped(x), y)
            loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none="keep" not in options)
        whole = loss.detach().clone()
        dist.all_reduce(whole)
        yield whole.item() / n


def trained(kind, *options):
    torch.manual_seed(rank if "seeds" in options else 0)
    dtype = torch.float64 if "double" in options else torch.float32
    model = MODELS[kind]().to(dtype)
    wrapped = DistributedDataParallel(
        model,
        bucket_cap_mb=0.01,
        gradient_as_bucket_view="views" in options,
        find_unused_parameters=kind == "branches",
    )
    if "half" in options:
        wrapped.register_comm_hook(None, default_hooks.fp16_compress_hook)
    if "hook" in options:
        wrapped.register_comm_hook(None, default_hooks.allreduce_hook)
    losses = list(losses_of(wrapped, optimizer_for(wrapped, options), dtype, options))
    digest = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in model.parameters())).hexdigest()
    state = {k: v.double().flatten().tolist() for k, v in model.state_dict().items()}
    return {"losses": losses, "digest": digest, "state": state}


found = {configuration: trained(*configuration.split(",")) for configuration in sys.argv[2:]}
Path(sys.argv[1], f"{rank}.json").write_text(json.dumps(found))
dist.destroy_process_group()
