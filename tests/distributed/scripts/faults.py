"""One of several processes fails, in the way that the argument names, before the fourth sum."""

import os
import signal
import sys
import time
from datetime import timedelta

import torch
import torch.distributed as dist

dist.init_process_group("mpi", timeout=timedelta(seconds=2))
rank, n = dist.get_rank(), dist.get_world_size()
mode = sys.argv[1]


def hangs():
    while True:
        time.sleep(0.1)


print(f"rank {rank} is here", flush=True)
for step in range(5):
    x = torch.ones(4) * rank
    if step == 3 and rank == 1 and mode == "sizes":
        x = torch.ones(8)
    if step == 3 and rank == 1 and mode == "reductions":
        dist.all_reduce(x, op=dist.ReduceOp.MAX)
        continue
    if step == 3 and rank == 1 and mode == "kinds":
        dist.broadcast(x, 0)
        continue
    if step == 3 and mode == "wait":
        hangs()
    if step == 3 and mode == "receive" and rank == 0:
        dist.recv(x, 1)
    if step == 3 and rank == 1:
        if mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if mode == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        if mode == "hang" or mode == "monitored":
            hangs()
        if mode == "raise":
            raise ValueError("a bad value")
        if mode == "leave":
            break
    if step == 3 and mode == "monitored":
        try:
            dist.monitored_barrier(timeout=timedelta(seconds=1))
        except RuntimeError as error:
            print(error, flush=True)
            sys.exit(3)
    dist.all_reduce(x)
if mode == "fine":
    print(f"rank {rank} ends", flush=True)
