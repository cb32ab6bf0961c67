"""Train with a checkpoint every few steps; continue from the newest; die when and where the options say.

    checkpointing.py FOLDER STEPS EVERY [RANK STEPS_BEGUN | random KILLS]

RANK dies once so many steps have begun; or at KILLS moments from a fixed seed one rank or another. Each step is noted in
FOLDER/begun before it is taken, and where a run goes on in FOLDER/resumed. At the end, FOLDER/digest has that of parameters and optimizer.
"""

import hashlib
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from taper.serialization import Checkpoints

folder, steps, every = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
dist.init_process_group("gloo")
rank, n = dist.get_rank(), dist.get_world_size()
attempt = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))


def victim():
    """(rank, step) of the death of this attempt, if there is one."""
    if len(sys.argv) > 4 and sys.argv[4] != "random":
        return (int(sys.argv[4]), int(sys.argv[5])) if attempt == 0 else None
    if len(sys.argv) < 4 or len(sys.argv) == 4 or attempt >= int(sys.argv[5]):
        return None
    moments = random.Random(5)
    fractions = sorted(moments.random() for _ in range(int(sys.argv[5])))
    return random.Random(attempt).randrange(n), int(fractions[attempt] * steps)


chosen = victim()
if chosen is not None and chosen[0] == rank:

    def die():
        while not (folder / "begun").exists() or int(((folder / "begun").read_text().split() or [0])[-1]) < chosen[1]:
            time.sleep(0.001)
        time.sleep(random.random() * 0.01)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=die, daemon=True).start()

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 64), nn.Linear(64, 2))
wrapped = DistributedDataParallel(model)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
kept = Checkpoints(folder / "kept")
found = kept.latest()
first = 0
if found is not None:
    first, state = found
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
if rank == 0:
    with open(folder / "resumed", "a") as file:
        file.write(f"{first}\n")
for step in range(first, steps):
    if rank == 0:
        with open(folder / "begun", "a") as file:
            file.write(f"{step}\n")
    optimizer.zero_grad()
    wrapped(torch.randn(4, 8)).pow(2).mean().backward()
    optimizer.step()
    if rank == 0 and (step + 1) % every == 0:
        content = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "random": torch.get_rng_state()}
        kept.save(content, step + 1)
kept.wait()
if rank == 0:
    everything = [
        *model.state_dict().values(),
        *(v for s in optimizer.state_dict()["state"].values() for v in s.values()),
    ]
    (folder / "digest").write_text(hashlib.sha256(b"".join(t.numpy().tobytes() for t in everything)).hexdigest())
dist.destroy_process_group()
