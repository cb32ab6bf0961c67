"""Train a sharded model, and save or load a checkpoint of all processes.

shard_checkpoint.py FOLDER save|go-on|whole rows|full|objects CHECKPOINT
"""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict
from torch.distributed.fsdp import fully_shard

folder, mode, form, place = Path(sys.argv[1]), *sys.argv[2:4], Path(sys.argv[4])
dist.init_process_group("gloo")
rank, n = dist.get_rank(), dist.get_world_size()
torch.set_default_dtype(torch.float64)
torch.manual_seed(1 if mode == "go-on" else 0)
model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 3))
fully_shard(model[2])
fully_shard(model)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
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


FULL = StateDictOptions(full_state_dict=True, cpu_offload=True)
FROM_FIRST = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)
losses = [] if mode == "go-on" else steps(0, 8)
for group in optimizer.param_groups if mode != "go-on" else ():
    group["lr"] = 0.005
if mode == "save" and form == "full":
    of_model, of_optimizer = get_state_dict(model, optimizer, options=FULL)
    assert bool(of_model) == (rank == 0)
    if rank == 0:
        torch.save({"model": of_model, "optimizer": of_optimizer}, place)
elif mode == "save" and form == "objects":
    dcp.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, checkpoint_id=place)
elif mode == "save":
    of_model, of_optimizer = get_state_dict(model, optimizer)
    dcp.save({"model": of_model, "optimizer": of_optimizer}, checkpoint_id=place)
if mode == "go-on" and form == "full":
    content = torch.load(place) if rank == 0 else {"model": {}, "optimizer": {}}
    options = {"model_state_dict": content["model"], "optim_state_dict": content["optimizer"], "options": FROM_FIRST}
    set_state_dict(model, optimizer, **options)
elif mode == "go-on":
    of_model, of_optimizer = get_state_dict(model, optimizer)
    content = {"model": of_model, "optimizer": of_optimizer}
    dcp.load(content, checkpoint_id=place)
    set_state_dict(model, optimizer, model_state_dict=content["model"], optim_state_dict=content["optimizer"])
if mode == "go-on":
    assert optimizer.param_groups[0]["lr"] == 0.005
if mode != "save":
    losses = steps(8, 16)
(folder / f"{rank}.json").write_text(json.dumps({"losses": losses}))
dist.destroy_process_group()
