"""Train on shares of batches, and write the losses of the whole batches and a digest of the parameters.

    train.py FOLDER MODEL [OPTION ...]
"""

import hashlib
import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

folder, kind, *options = sys.argv[1:]
dist.init_process_group("gloo")
rank, n = dist.get_rank(), dist.get_world_size()
torch.manual_seed(rank if "seeds" in options else 0)
dtype = torch.float64 if "double" in options else torch.float32


class Branches(nn.Module):
    """Of two branches each process uses one in turn; a third is never used."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.branches = nn.ModuleList([nn.Linear(8, 3) for _ in range(3)])

    def forward(self, x, step):
        return self.branches[(step + rank) % 2 if n > 1 else step % 2](self.first(x).relu())


def mlp():
    return nn.Sequential(nn.Linear(6, 300), nn.ReLU(), nn.Linear(300, 300), nn.Tanh(), nn.Linear(300, 3))


def norms():
    made = nn.Sequential(nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
                         nn.Flatten(), nn.Linear(24, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    return nn.SyncBatchNorm.convert_sync_batchnorm(made) if "torch" not in options else made


model = {"mlp": mlp, "norms": norms, "branches": Branches}[kind]().to(dtype)
wrapped = DistributedDataParallel(
    model,
    bucket_cap_mb=0.1,
    gradient_as_bucket_view="views" in options,
    find_unused_parameters=kind == "branches",
)
if "fp16" in options:
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import fp16_compress_hook

    wrapped.register_comm_hook(None, fp16_compress_hook)
if "mean" in options:
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

    wrapped.register_comm_hook(None, allreduce_hook)
if "zero" in options:
    from torch.distributed.optim import ZeroRedundancyOptimizer

    optimizer = ZeroRedundancyOptimizer(wrapped.parameters(), torch.optim.Adam, lr=0.01)
elif "adam" in options:
    optimizer = torch.optim.Adam(wrapped.parameters(), lr=0.01)
else:
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.05, momentum=0.9)
loss_of = nn.CrossEntropyLoss()

torch_data = torch.linspace(-3, 3, 6 * 16 * 8).sin().reshape(8, 16, 6).to(dtype)
targets = (torch.arange(8 * 16).reshape(8, 16) * 7 + 3) % 5 % 3
losses = []
for step in range(8):
    mine = slice(rank * 16 // n, (rank + 1) * 16 // n)
    x, y = torch_data[step][mine], targets[step][mine]
    arguments = (x, step) if kind == "branches" else (x,)
    if "accumulate" in options:
        half = len(x) // 2
        with wrapped.no_sync():
            (loss_of(wrapped(x[:half]), y[:half]) / 2).backward()
        loss = loss_of(wrapped(x[half:]), y[half:]) / 2
        loss.backward()
        loss = loss.detach()
    else:
        loss = loss_of(wrapped(*arguments), y)
        loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none="keep" not in options)
    whole = loss.detach().clone()
    dist.all_reduce(whole)
    losses.append(whole.item() / n)
digest = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in model.parameters())).hexdigest()
state = {k: v.double().flatten().tolist() for k, v in model.state_dict().items()}
Path(folder, f"{rank}.json").write_text(json.dumps({"losses": losses, "digest": digest, "state": state}))
dist.destroy_process_group()
