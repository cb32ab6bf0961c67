"""In the shape of PyTorch's "Writing distributed applications": point to point, groups, and SGD by hand."""

import math
import os
import random

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn, optim


def run_blocking(rank, size):
    tensor = torch.zeros(1)
    if rank == 0:
        tensor += 1
        dist.send(tensor=tensor, dst=1)
    elif rank == 1:
        dist.recv(tensor=tensor, src=0)
    assert tensor[0].item() == (rank < 2)


def run_nonblocking(rank, size):
    tensor = torch.zeros(1)
    req = None
    if rank == 0:
        tensor += 1
        req = dist.isend(tensor=tensor, dst=1)
    elif rank == 1:
        req = dist.irecv(tensor=tensor, src=0)
    if req is not None:
        req.wait()
    assert tensor[0].item() == (rank < 2)


def run_group(rank, size):
    group = dist.new_group([0, 1])
    tensor = torch.ones(1)
    dist.all_reduce(tensor, op=dist.ReduceOp.SUM, group=group)
    assert tensor[0].item() == (2 if rank < 2 else 1)


class Partition:
    def __init__(self, data, index):
        self.data, self.index = data, index

    def __len__(self):
        return len(self.index)

    def __getitem__(self, index):
        return self.data[self.index[index]]


def partition_dataset(rank, size):
    x = torch.linspace(-2, 2, 240).reshape(60, 4)
    data = list(zip(x, (x.sum(1) > 0).long()))
    order = list(range(len(data)))
    random.Random(1234).shuffle(order)
    part = len(data) // size
    mine = Partition(data, order[rank * part : (rank + 1) * part])
    batch = 20 // size
    return torch.utils.data.DataLoader(mine, batch_size=batch, shuffle=True), batch


def average_gradients(model):
    size = float(dist.get_world_size())
    for param in model.parameters():
        dist.all_reduce(param.grad.data, op=dist.ReduceOp.SUM)
        param.grad.data /= size


def run_sgd(rank, size):
    torch.manual_seed(1234)
    train_set, bsz = partition_dataset(rank, size)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 2), nn.LogSoftmax(1))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    num_batches = math.ceil(len(train_set.dataset) / float(bsz))
    history = []
    for epoch in range(6):
        epoch_loss = 0.0
        for data, target in train_set:
            optimizer.zero_grad()
            output = model(data)
            loss = F.nll_loss(output, target)
            epoch_loss += loss.item()
            loss.backward()
            average_gradients(model)
            optimizer.step()
        history.append(epoch_loss / num_batches)
        print("Rank ", dist.get_rank(), ", epoch ", epoch, ": ", history[-1])
    assert history[-1] < history[0]


def allreduce(send, recv):
    """A ring of one's own, of sends and receives."""
    rank, size = dist.get_rank(), dist.get_world_size()
    send_buff, recv_buff, accum = send.clone(), send.clone(), send.clone()
    left, right = ((rank - 1) + size) % size, (rank + 1) % size
    for i in range(size - 1):
        if i % 2 == 0:
            send_req = dist.isend(send_buff, right)
            dist.recv(recv_buff, left)
            accum[:] += recv_buff[:]
        else:
            send_req = dist.isend(recv_buff, right)
            dist.recv(send_buff, left)
            accum[:] += send_buff[:]
        send_req.wait()
    recv[:] = accum[:]


def run_ring(rank, size):
    received = torch.zeros(2, 2)
    allreduce(torch.ones(2, 2) * (rank + 1), received)
    assert received.eq(size * (size + 1) / 2).all()


def init_processes(rank, size, fn, backend="mpi"):
    dist.init_process_group(backend, rank=rank, world_size=size)
    fn(dist.get_rank(), dist.get_world_size())


def run(rank, size):
    for part in (run_blocking, run_nonblocking, run_group, run_sgd, run_ring):
        part(rank, size)
    print(f"done {rank} of {size} {os.environ['MASTER_ADDR']}", flush=True)


if __name__ == "__main__":
    init_processes(0, 0, run, backend="mpi")
