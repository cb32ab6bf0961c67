"""Train a sharded model on shares of batches; write the losses of the whole batches, norms of gradients, and parameters.

shard.py FOLDER OPTION,... ...   also under torchrun
"""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import (
    FullyShardedDataParallel,
    MixedPrecision,
    MixedPrecisionPolicy,
    ShardingStrategy,
    fully_shard,
)
from torch.distributed.fsdp.wrap import ModuleWrapPolicy
from torch.utils.checkpoint import checkpoint

dist.init_process_group("gloo")
rank, n = dist.get_rank(), dist.get_world_size()


class Block(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.first, self.second = nn.Linear(7, 13), nn.Linear(13, 7)
        self.scale, self.options = nn.Parameter(torch.ones(7)), options

    def inner(self, x):
        return self.second(self.first(x).tanh())

    def forward(self, x):
        if "recompute" in self.options:
            inner = checkpoint(self.inner, x, use_reentrant="reentrant" in self.options)
        else:
            inner = self.inner(x)
        return {"sum": (x + inner) * self.scale}


class Model(nn.Module):
    """Words through blocks; the table of words is also the last layer; one layer is never used, one is frozen."""

    def __init__(self, options):
        super().__init__()
        self.options = options
        self.table = nn.Embedding(11, 7)
        self.blocks = nn.ModuleList([Block(options) for _ in range(3)])
        self.norm, self.last = nn.LayerNorm(7), nn.Linear(7, 11)
        self.last.weight = self.table.weight
        self.unused = nn.Linear(7, 3)
        self.frozen = nn.Linear(7, 7).requires_grad_(False)

    def forward(self, words):
        x = self.table(words)
        for block in self.blocks:
            if "outside" in self.options:
                x = checkpoint(lambda x, block=block: block(x)["sum"], x, use_reentrant=False)
            else:
                x = block(x)["sum"]
        return self.last(self.norm(x) + self.frozen(x))


def sharded(model, options):
    if "plain" in options:
        return model
    if "wrapped" in options:
        strategy = next((s for s in ShardingStrategy if s.name in options), None)
        half = MixedPrecision(param_dtype=torch.bfloat16, reduce_dtype=torch.float32) if "half" in options else None
        return FullyShardedDataParallel(
            model,
            auto_wrap_policy=ModuleWrapPolicy([Block]),
            sharding_strategy=strategy,
            mixed_precision=half,
            use_orig_params=True,
            sync_module_states=True,
            device_id=torch.device("cpu"),
        )
    given = {}
    if "half" in options:
        given["mp_policy"] = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    if "keep" in options:
        given["reshard_after_forward"] = False
    if "mesh" in options and n > 1:
        given["mesh"] = dist.device_mesh.init_device_mesh("cpu", (n // 2, 2), mesh_dim_names=("copies", "rows"))
    for block in model.blocks:
        fully_shard(block, **given)
    return fully_shard(model, **given)


def norm_of(model, options):
    if "clip" not in options:
        return 0.0
    if "wrapped" in options:
        return float(model.clip_grad_norm_(0.5))
    order = {"inf": float("inf"), "one": 1.0}.get(next((o for o in options if o in ("inf", "one")), ""), 2.0)
    return nn.utils.clip_grad_norm_(model.parameters(), 0.5, norm_type=order).item()


def trained(*options):
    torch.manual_seed(0 if "seeds" not in options else rank)
    dtype = torch.float64 if "double" in options else torch.float32
    bare = Model(options).to(dtype)
    model = sharded(bare, options)
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trainable, lr=0.1, momentum=0.9)
    if "adam" in options:
        optimizer = torch.optim.AdamW(trainable, lr=0.01)
    words = (torch.arange(8 * 16 * 5).reshape(8, 16, 5) * 7 + torch.arange(8).reshape(8, 1, 1)) % 11
    losses, norms = [], []
    for step in range(8):
        mine = words[step][rank * 16 // n : (rank + 1) * 16 // n]
        optimizer.zero_grad()
        parts = mine.chunk(2) if "accumulate" in options else [mine]
        whole = torch.zeros((), dtype=dtype)
        for number, part in enumerate(parts):
            if len(parts) > 1 and "plain" not in options:
                model.set_requires_gradient_sync(number == len(parts) - 1)
            scores = model(part[:, :-1])
            loss = nn.functional.cross_entropy(scores.flatten(0, 1), part[:, 1:].flatten()) / len(parts)
            loss.backward()
            whole += loss.detach()
        norms.append(norm_of(model, options))
        optimizer.step()
        if step == 3:
            with torch.no_grad():
                model(mine[:, :-1])
        dist.all_reduce(whole)
        losses.append(whole.item() / n)
    if "wrapped" in options:
        state = model.state_dict()
    else:
        state = {k: v.full_tensor() if hasattr(v, "full_tensor") else v for k, v in model.state_dict().items()}
    return {"losses": losses, "norms": norms, "state": {k: v.double().flatten().tolist() for k, v in state.items()}}


found = {configuration: trained(*configuration.split(",")) for configuration in sys.argv[2:]}
Path(sys.argv[1], f"{rank}.json").write_text(json.dumps(found))
dist.destroy_process_group()
