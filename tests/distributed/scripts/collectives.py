"""Every collective, once: each process writes what it got."""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

dist.init_process_group("gloo")
rank, n = dist.get_rank(), dist.get_world_size()
found = {}


def own(shape=(2, 3), dtype=torch.float32):
    return (torch.arange(6).reshape(2, 3) + 10 * rank + 1).to(dtype).expand(2, 3).reshape(shape)


for op in ("SUM", "PRODUCT", "MIN", "MAX"):
    for dtype in (torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8):
        x = own(dtype=dtype)
        dist.all_reduce(x, op=getattr(dist.ReduceOp, op))
        found[f"all_reduce {op} {dtype}"] = x.tolist()
for op in ("BAND", "BOR", "BXOR"):
    x = own(dtype=torch.int32)
    dist.all_reduce(x, op=getattr(dist.ReduceOp, op))
    found[f"all_reduce {op}"] = x.tolist()
x = own(dtype=torch.float16)
dist.all_reduce(x)
found["all_reduce half"] = x.tolist()
x = own(dtype=torch.bfloat16)
dist.broadcast(x, n - 1)
found["broadcast bfloat16"] = x.float().tolist()

x = own()
dist.reduce(x, n - 1)
found["reduce"] = x.tolist() if rank == n - 1 else None
x = own()
work = dist.broadcast(x, 1, async_op=True)
work.wait()
found["broadcast"] = x.tolist(), work.is_completed()
parts = [torch.zeros(2, 3) for _ in range(n)]
dist.all_gather(parts, own())
found["all_gather"] = [p.tolist() for p in parts]
whole = torch.zeros(2 * n, 3)
dist.all_gather_into_tensor(whole, own())
found["all_gather_into_tensor"] = whole.tolist()
parts = [torch.zeros(2, 3) for _ in range(n)] if rank == 1 else None
dist.gather(own(), parts, dst=1)
found["gather"] = [p.tolist() for p in parts] if parts else None
x = torch.zeros(2, 3)
dist.scatter(x, [own() + 100 * i for i in range(n)] if rank == 1 else None, src=1)
found["scatter"] = x.tolist()
x = torch.zeros(2, 3)
dist.reduce_scatter(x, [own() + i for i in range(n)])
found["reduce_scatter"] = x.tolist()
x = torch.zeros(3)
dist.reduce_scatter_tensor(x, torch.arange(3.0 * n) * (rank + 1))
found["reduce_scatter_tensor"] = x.tolist()
x = torch.zeros(n, 2)
dist.all_to_all_single(x, torch.arange(2.0 * n).reshape(n, 2) + 100 * rank)
found["all_to_all_single"] = x.tolist()
sizes = [1 + (i + rank) % 2 for i in range(n)]
x = torch.zeros(sum(sizes))
dist.all_to_all_single(x, torch.arange(float(sum(sizes))) + 100 * rank, sizes, sizes)
found["all_to_all_single split"] = x.tolist()
x = torch.ones(3, 2).t() * (rank + 1)
dist.all_reduce(x)
found["strided"] = x.tolist()
x = torch.tensor(float(rank))
dist.all_reduce(x, op=dist.ReduceOp.MAX)
found["scalar"] = x.item()

objects = [None] * n
dist.all_gather_object(objects, {"rank": rank, "text": "x" * (5 * rank)})
found["all_gather_object"] = objects
objects = [{"a": 1}, "b", [3]] if rank == 0 else [None] * 3
dist.broadcast_object_list(objects, src=0)
found["broadcast_object_list"] = objects
objects = [None]
dist.scatter_object_list(objects, [f"to {i}" * (i + 1) for i in range(n)] if rank == 0 else None, src=0)
found["scatter_object_list"] = objects
objects = [None] * n if rank == 0 else None
dist.gather_object(rank * 2, objects, dst=0)
found["gather_object"] = objects

if rank == 0:
    dist.send(torch.arange(4.0), 1)
    y = torch.zeros(4)
    request = dist.irecv(y, 1)
    request.wait()
    found["recv"] = y.tolist()
elif rank == 1:
    y = torch.zeros(4)
    source = dist.recv(y)
    found["recv"] = y.tolist(), source
    dist.isend(y * 2, 0).wait()
right, left = (rank + 1) % n, (rank - 1) % n
y = torch.zeros(2)
for request in dist.batch_isend_irecv(
    [dist.P2POp(dist.isend, torch.full((2,), float(rank)), right), dist.P2POp(dist.irecv, y, left)]
):
    request.wait()
found["ring"] = y.tolist()

group = dist.new_group(list(range(1, n)))
if rank:
    x = torch.ones(1) * rank
    dist.all_reduce(x, group=group)
    found["group"] = x.item(), dist.get_rank(group), dist.get_world_size(group), dist.get_process_group_ranks(group)
    x = torch.ones(1) * rank
    dist.broadcast(x, src=n - 1, group=group)
    found["group broadcast"] = x.item(), dist.get_group_rank(group, n - 1), dist.get_global_rank(group, 0)
else:
    found["group"] = dist.get_rank(group), dist.get_world_size(group)
dist.barrier()
dist.monitored_barrier()


def problem(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except Exception as error:
        return type(error).__name__
    return None


found["problems"] = [
    problem(dist.all_reduce, [1]),
    problem(dist.send, torch.ones(1), rank),
    problem(dist.gather, torch.ones(1), None, dst=rank),
    problem(dist.scatter, torch.ones(1), None, src=rank),
    problem(dist.new_group, [n]),
    problem(dist.broadcast, torch.ones(1)),
    problem(dist.init_process_group, "gloo"),
]
dist.barrier()
Path(sys.argv[1], f"{rank}.json").write_text(json.dumps(found))
dist.destroy_process_group()
