"""Training: epochs over batches, measured, checkpointed, resumable to the bit.

A checkpoint is the state between two epochs: model, optimizer, schedule, random streams, history. Ctrl-C in the middle
of an epoch leaves the checkpoint of its beginning, so that a resumed run repeats that epoch and then goes on as if
nothing had happened.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from .. import nn, optim
from ..autograd.modes import no_grad
from ..nn.anomaly import AnomalyError, detect_anomalies
from ..tensor.random import get_rng_state, set_rng_state
from ..utils.data import DataLoader
from . import together
from .errors import UserError
from .settings import Settings


def make_optimizer(settings: Settings, parameters) -> optim.Optimizer:
    """The optimizer of a run."""
    options: dict[str, Any] = {"lr": settings.lr, "weight_decay": settings.weight_decay}
    if settings.momentum is not None:
        options["momentum"] = settings.momentum
    kinds = {
        "sgd": optim.SGD,
        "adam": optim.Adam,
        "adamw": optim.AdamW,
        "rmsprop": optim.RMSprop,
        "adagrad": optim.Adagrad,
        "adadelta": optim.Adadelta,
        "adamax": optim.Adamax,
        "nadam": optim.NAdam,
        "radam": optim.RAdam,
    }
    return kinds[settings.optimizer](parameters, **options)


def make_scheduler(settings: Settings, optimizer: optim.Optimizer, steps: int):
    """The schedule of a run, and whether it goes on with every batch; steps: batches in an epoch."""
    schedules = optim.lr_scheduler
    epochs = settings.epochs
    if settings.scheduler == "step":
        return schedules.StepLR(optimizer, max(1, epochs // 3), 0.1), False
    if settings.scheduler == "exponential":
        return schedules.ExponentialLR(optimizer, 0.01 ** (1 / max(1, epochs))), False
    if settings.scheduler == "cosine":
        return schedules.CosineAnnealingLR(optimizer, epochs), False
    if settings.scheduler == "plateau":
        return schedules.ReduceLROnPlateau(optimizer, patience=2), False
    if settings.scheduler == "onecycle":
        # The cycle would give a momentum to optimizers that were to have none.
        cycles = bool(settings.momentum) or "betas" in optimizer.defaults
        return schedules.OneCycleLR(optimizer, settings.lr, total_steps=epochs * steps, cycle_momentum=cycles), True
    return None, False


class Trainer:
    """One model, its data, and everything that a checkpoint holds. `watch(seen, loss, accuracy)` is told of each batch."""

    def __init__(self, model: nn.Module, settings: Settings, loaders: dict[str, DataLoader]):
        self.model, self.settings, self.loaders = together.prepared(model), settings, loaders
        self.network = together.network_of(self.model)
        self.loss = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
        self.optimizer = make_optimizer(settings, self.model.parameters())
        self.scheduler, self.every_batch = make_scheduler(settings, self.optimizer, len(loaders["train"]))
        self.epoch = 0
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {"epoch": 0, "accuracy": -1.0, "loss": math.inf}
        self.waited = 0

    @property
    def judge(self) -> str:
        """The split by which epochs are compared: validation if there is one."""
        return "val" if "val" in self.loaders else "test"

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on."""
        version, numbers, gauss = random.getstate()
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "epoch": self.epoch,
            "history": self.history,
            "best": self.best,
            "waited": self.waited,
            "rng": get_rng_state(),
            "python_rng": [version, list(numbers), gauss],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint. UserError where it does not fit."""
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.scheduler is not None:
                self.scheduler.load_state_dict(state["scheduler"])
            self.epoch, self.history = int(state["epoch"]), list(state["history"])
            self.best, self.waited = dict(state["best"]), int(state["waited"])
            set_rng_state(state["rng"])
            version, numbers, gauss = state["python_rng"]
            random.setstate((version, tuple(numbers), gauss))
            if [row["epoch"] for row in self.history] != list(range(1, self.epoch + 1)):
                raise ValueError("its history is not that of its epochs")
        except (LookupError, RuntimeError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            raise UserError(f"the checkpoint does not fit this run ({error}). Train again.") from None

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or there was no progress for long enough."""
        patience = self.settings.early_stopping
        return self.epoch >= self.settings.epochs or (patience > 0 and self.waited >= patience)

    def run_epoch(self, watch: Callable[[int, float, float], None]) -> dict[str, Any]:
        """Train for one epoch, measure, note. Returns the epoch's row of metrics."""
        started = time.perf_counter()
        loss, accuracy, count = self._train(watch)
        seconds = time.perf_counter() - started
        row: dict[str, Any] = {
            "epoch": self.epoch + 1,
            "train_loss": loss,
            "train_accuracy": accuracy,
            "lr": float(self.optimizer.param_groups[0]["lr"]),
            "images_per_second": round(count / max(seconds, 1e-9), 1),
        }
        for split in ("val", "test"):
            if split in self.loaders:
                row[f"{split}_loss"], row[f"{split}_accuracy"] = self.measure(split)
                self._check_finite(row[f"{split}_loss"], f"on the {split} images")
        if self.scheduler is not None and not self.every_batch:
            if self.settings.scheduler == "plateau":
                self.scheduler.step(row[f"{self.judge}_loss"])
            else:
                self.scheduler.step()
        self.epoch += 1
        self.history.append(row)
        self._compare(row)
        return row

    def _compare(self, row: dict[str, Any]) -> None:
        """Note whether this was the best epoch, and for how many there was no lower loss."""
        if row[f"{self.judge}_accuracy"] > self.best["accuracy"]:
            self.best = {**self.best, "epoch": self.epoch, "accuracy": row[f"{self.judge}_accuracy"]}
        if row[f"{self.judge}_loss"] < self.best["loss"]:
            self.best["loss"], self.waited = row[f"{self.judge}_loss"], 0
        else:
            self.waited += 1

    def _train(self, watch) -> tuple[float, float, int]:
        self.model.train()
        together.same_random_numbers()
        watched = detect_anomalies(self.model) if self.settings.detect_anomaly else nullcontext()
        total, right, seen = 0.0, 0, 0
        with watched:
            for step, (images, labels) in enumerate(self.loaders["train"]):
                try:
                    value, scores = self._step(step, images, labels)
                except AnomalyError as error:
                    raise UserError(f"in epoch {self.epoch + 1}, batch {step + 1}, {error}. {self._remedy()}") from None
                n = len(labels) if self._counts(step) else 0
                total += value * n
                right += int((scores.detach().numpy().argmax(1) == labels.numpy()).sum()) if n else 0
                seen += n
                watch(seen * together.size(), total / max(seen, 1), right / max(seen, 1))
        total, right, seen = together.sums(total, right, seen)
        return total / max(seen, 1), right / max(seen, 1), int(seen)

    def _step(self, step: int, images, labels) -> tuple[float, Any]:
        """One update; the loss of this process's images, and their scores."""
        scores = self.network(images)
        loss = self.loss(scores, labels)
        value = loss.item()
        self._check_finite(value, f"batch {step + 1}")
        shares = self.loaders["train"].batch_sampler
        if isinstance(shares, together.Shares):
            loss = loss * shares.weight(step, len(labels))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.every_batch:
            self.scheduler.step()
        return value, scores

    def _counts(self, step: int) -> bool:
        shares = self.loaders["train"].batch_sampler
        return not isinstance(shares, together.Shares) or shares.counts(step)

    def _remedy(self) -> str:
        return f"Lower --lr (now {self.settings.lr}), or use --optimizer adam."

    def _check_finite(self, loss: float, where: str) -> None:
        """UserError for a loss that is no number any more."""
        if not math.isfinite(loss):
            raise UserError(f"the loss became {loss} in epoch {self.epoch + 1}, {where}. {self._remedy()}")

    def measure(self, split: str) -> tuple[float, float]:
        """Mean loss and accuracy on a split."""
        scores, labels = self.scores(split)
        if not np.isfinite(scores).all():
            return math.nan, 0.0
        shifted = scores - scores.max(1, keepdims=True)
        logp = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        return float(-logp[np.arange(len(labels)), labels].mean()), float((scores.argmax(1) == labels).mean())

    def scores(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """The model's scores (N, classes) and the labels (N,) of a split, float64 and int64."""
        return together.shared_scores(self.loaders[split], lambda loader: scores_of(self.model, loader))


def scores_of(model: nn.Module, loader: DataLoader) -> tuple[np.ndarray, np.ndarray]:
    """A model's scores (N, classes) in evaluation mode, and the labels (N,)."""
    model.eval()
    scores, labels = [], []
    with no_grad():
        for images, targets in loader:
            scores.append(model(images).numpy().astype(np.float64))
            labels.append(targets.numpy())
    return np.concatenate(scores), np.concatenate(labels)
