"""In the shape of PyTorch's tutorials on DDP and torchrun: a trainer with snapshots, samplers, a sharded optimizer."""

import os
import sys
import tempfile

import torch
from torch import nn
from torch.distributed import destroy_process_group, init_process_group
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler


def ddp_setup():
    init_process_group(backend="nccl" if torch.cuda.is_available() else "gloo")


class Trainer:
    def __init__(self, model, train_data, optimizer, save_every, snapshot_path):
        self.local_rank = int(os.environ["LOCAL_RANK"])
        self.global_rank = int(os.environ["RANK"])
        self.model, self.train_data, self.optimizer = model, train_data, optimizer
        self.save_every, self.snapshot_path, self.epochs_run = save_every, snapshot_path, 0
        if os.path.exists(snapshot_path):
            print("Loading snapshot", flush=True)
            snapshot = torch.load(snapshot_path, map_location="cpu")
            self.model.load_state_dict(snapshot["MODEL_STATE"])
            self.epochs_run = snapshot["EPOCHS_RUN"]
        self.model = DDP(self.model)

    def _run_batch(self, source, targets):
        self.optimizer.zero_grad()
        loss = nn.functional.mse_loss(self.model(source), targets)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def _run_epoch(self, epoch):
        self.train_data.sampler.set_epoch(epoch)
        return sum(self._run_batch(source, targets) for source, targets in self.train_data)

    def train(self, max_epochs):
        losses = []
        for epoch in range(self.epochs_run, max_epochs):
            losses.append(self._run_epoch(epoch))
            if self.local_rank == 0 and epoch % self.save_every == 0:
                snapshot = {"MODEL_STATE": self.model.module.state_dict(), "EPOCHS_RUN": epoch + 1}
                torch.save(snapshot, self.snapshot_path)
        return losses


def demo_basic(rank):
    """A toy model, whose checkpoint one process writes and all read."""
    model = DDP(nn.Sequential(nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 5)))
    path = os.path.join(tempfile.gettempdir(), f"toy-{os.environ['MASTER_PORT']}.checkpoint")
    if rank == 0:
        torch.save(model.state_dict(), path)
    torch.distributed.barrier()
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    optimizer = ZeroRedundancyOptimizer(model.parameters(), optimizer_class=torch.optim.Adam, lr=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(torch.randn(20, 10)), torch.randn(20, 5)).backward()
        optimizer.step()
    optimizer.consolidate_state_dict(to=0)
    torch.distributed.barrier()
    if rank == 0:
        os.remove(path)
        assert len(optimizer.state_dict()["state"]) == 4


def main(total_epochs, snapshot_path):
    ddp_setup()
    torch.manual_seed(0)
    x = torch.randn(64, 20)
    dataset = TensorDataset(x, x.sum(1, keepdim=True))
    model = nn.Linear(20, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    loader = DataLoader(dataset, batch_size=8, pin_memory=False, shuffle=False, sampler=DistributedSampler(dataset))
    losses = Trainer(model, loader, optimizer, 1, snapshot_path).train(total_epochs)
    demo_basic(int(os.environ["RANK"]))
    destroy_process_group()
    print(f"done after {len(losses)} epochs, from {losses[0]:.4f} to {losses[-1]:.4f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
