"""Train with a sharded optimizer, and save or load a checkpoint of all processes.

reshard.py FOLDER save|async|go-on|whole CHECKPOINT
"""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel

folder, mode, place = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
dist.init_process_group("gloo")
rank, n = dist.get_rank(), dist.get_world_size()
torch.set_default_dtype(torch.float64)
torch.manual_seed(1 if mode == "go-on" else 0)
model = DistributedDataParallel(nn.Sequential(nn.Linear(6, 20), nn.BatchNorm1d(20), nn.Tanh(), nn.Linear(20, 3)))
model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
optimizer = ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, lr=0.01)
data = torch.linspace(-3, 3, 6 * 8 * 16).cos().reshape(16, 8, 6)


def steps(first, last):
    found = []
    for step in range(first, last):
        x = data[step][rank * 8 // n : (rank + 1) * 8 // n]
        optimizer.zero_grad()
        loss = model(x).pow(2).mean()
        loss.backward()
        optimizer.step()
        whole = loss.detach().clone()
        dist.all_reduce(whole)
        found.append(whole.item() / n)
    return found


losses = []
if mode != "go-on":
    losses = steps(0, 8)
if mode in ("save", "async"):
    optimizer.param_groups[0]["lr"] = 0.005
    of_model, of_optimizer = get_state_dict(model, optimizer)
    content = {"model": of_model, "optimizer": of_optimizer, "step": 8, "notes": {"who": ["a", 1]}}
    if mode == "save":
        dcp.save(content, checkpoint_id=place)
    else:
        written = dcp.async_save(content, checkpoint_id=place)
        steps(8, 10)
        written.result(60)
if mode == "go-on":
    of_model, of_optimizer = get_state_dict(model, optimizer)
    content = {"model": of_model, "optimizer": of_optimizer, "step": 0, "notes": {"who": None}}
    dcp.load(content, checkpoint_id=place)
    assert content["step"] == 8 and content["notes"] == {"who": ["a", 1]}, content
    set_state_dict(model, optimizer, model_state_dict=content["model"], optim_state_dict=content["optimizer"])
    assert optimizer.param_groups[0]["lr"] == 0.005
if mode == "whole":
    optimizer.param_groups[0]["lr"] = 0.005
if mode in ("whole", "go-on"):
    losses = steps(8, 16)
optimizer.consolidate_state_dict(to=0)
count = len(optimizer.state_dict()["state"]) if rank == 0 else None
(folder / f"{rank}.json").write_text(json.dumps({"losses": losses, "states": count}))
dist.destroy_process_group()
