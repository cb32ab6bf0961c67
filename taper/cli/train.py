"""`taper train`: from a dataset's name to a folder that a person can look at."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..tensor.random import manual_seed
from ..tensor.threads import set_num_threads
from ..utils.data import Subset
from . import data, report, rundir
from .errors import Interrupted, UserError
from .models import MODELS, build
from .settings import OPTIMIZERS, SCHEDULERS, Settings
from .trainer import Trainer


@click.command(short_help="Train an image classifier and leave a run to look at.")
@click.argument("dataset", default="digits", required=False)
@click.option("--model", default="lenet", help=f"One of: {', '.join(MODELS)}.", show_default=True)
@click.option("--epochs", type=int, default=None, help="Passes over the training images.  [default: 10, for digits 20]")
@click.option("--batch-size", type=int, default=64, show_default=True)
@click.option(
    "--lr", type=float, default=None, help="Learning rate.  [default: what suits the optimizer and the dataset]"
)
@click.option("--optimizer", type=click.Choice(OPTIMIZERS), default="adam", show_default=True)
@click.option("--momentum", type=float, default=0.9, show_default=True, help="Momentum of sgd.")
@click.option("--weight-decay", type=float, default=0.0, show_default=True)
@click.option(
    "--scheduler", type=click.Choice(SCHEDULERS), default="none", show_default=True, help="Learning-rate schedule."
)
@click.option("--dropout", type=float, default=0.0, show_default=True, help="Dropout probability.")
@click.option("--label-smoothing", type=float, default=0.0, show_default=True)
@click.option("--augment", is_flag=True, help="Shift (and, where it makes sense, mirror) training images at random.")
@click.option(
    "--val-split", type=float, default=0.0, show_default=True, help="Share of the training images kept for validation."
)
@click.option(
    "--early-stopping",
    type=int,
    default=0,
    metavar="PATIENCE",
    help="Stop after this many epochs without a lower validation loss.",
)
@click.option("--kfold", type=int, default=0, metavar="K", help="Train K times, each time validating on another K-th.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--threads", type=int, default=0, help="Threads of matrix products.  [default: all cores]")
@click.option("--device", default="cpu", show_default=True)
@click.option("--data-root", default="data", show_default=True, help="Where datasets are, or are downloaded to.")
@click.option("--download/--no-download", default=True, show_default=True, help="Fetch a dataset that is not there.")
@click.option("--pictures/--no-pictures", default=True, show_default=True, help="Draw curves, confusion and mistakes.")
@click.option("--out", default="runs", show_default=True, help="The folder in which the run's folder is made.")
@click.option("--resume", metavar="RUN", default=None, help="Continue the run in this folder.")
def train(out: str, resume: str | None, **options: Any) -> None:
    """Train an image classifier.

    DATASET is digits, mnist, fashion-mnist, cifar10, or a folder with one folder of images for each class. The run is
    kept in OUT/DATASET-MODEL: config.json, metrics.csv, curves.png, confusion.png, mistakes.png, best.pt, last.pt.
    """
    if resume is not None:
        path = Path(resume)
        settings = Settings.read(path / "config.json")
        if settings.kfold:
            raise UserError(
                "--kfold runs cannot be resumed as a whole: resume one of the folders inside, or train again."
            )
        prepare(settings)
        run_one(settings, path, resuming=True)
        return
    settings = Settings(**options)
    if settings.model not in MODELS:
        raise UserError(f"unknown model '{settings.model}'. Choose one of: {', '.join(MODELS)}.")
    if settings.pictures:
        report.check_pictures()
    prepare(settings)
    opened = Opened(settings)
    name = f"{Path(settings.dataset).name}-{settings.model}"
    path = rundir.new(Path(out), name)
    try:
        settings.write(path / "config.json")
        if settings.kfold:
            folds(settings, opened, path)
        else:
            run_one(settings, path, opened=opened)
    except OSError as error:
        discard(path)
        raise UserError(f"{path} cannot be written ({error}). Make room, or give --out another folder.") from None
    except UserError:
        discard(path)
        raise


def discard(path: Path) -> None:
    """Remove the folder of a run of which no epoch was finished."""
    if not any(path.rglob("best.pt")):
        shutil.rmtree(path, ignore_errors=True)


def prepare(settings: Settings) -> None:
    """Set threads and seeds."""
    if settings.threads:
        set_num_threads(settings.threads)
    manual_seed(settings.seed)
    random.seed(settings.seed)


class Opened:
    """A dataset's two splits, raw, and the facts of its training split."""

    def __init__(self, settings: Settings):
        self.settings = settings
        root = Path(settings.data_root)
        self.root = root
        raw = data.open_dataset(settings.dataset, root, True, settings.download)
        self.labels = data.labels_of(raw)
        if len(self.labels) < 2:
            raise UserError(
                f"dataset '{settings.dataset}' has {len(self.labels)} training images: that is too few to learn from."
            )
        self.facts = data.describe(settings.dataset, raw)
        if settings.kfold > len(self.labels):
            raise UserError(f"--kfold {settings.kfold} is more than the {len(self.labels)} training images.")

    def split(self, train: bool, augment: bool = False):
        """A split with the transform of the model's input."""
        folder = self.settings.dataset not in data.NAMES
        transform = data.folder_transform(self.facts, augment) if folder else self.facts.transform(augment)
        return data.open_dataset(self.settings.dataset, self.root, train, False, transform)

    def loaders(self, held_out: np.ndarray | None = None) -> dict:
        """The loaders of train, test, and, with positions held out, val."""
        batch = self.settings.batch_size
        training = self.split(True, self.settings.augment)
        found = {"test": data.loader(self.split(False), 500, False)}
        if held_out is not None:
            kept = np.setdiff1d(np.arange(len(self.labels)), held_out)
            training = Subset(training, kept.tolist())
            found["val"] = data.loader(Subset(self.split(True), held_out.tolist()), 500, False)
        found["train"] = data.loader(training, batch, True)
        return found

    def validation(self) -> np.ndarray | None:
        """The positions of the validation images, drawn from the seed alone."""
        share = self.settings.val_split
        if not share:
            return None
        count = round(len(self.labels) * share)
        if not 0 < count < len(self.labels):
            raise UserError(
                f"--val-split {share} of {len(self.labels)} images leaves an empty split. Choose another share."
            )
        return np.sort(np.random.default_rng(self.settings.seed).permutation(len(self.labels))[:count])


def run_one(
    settings: Settings, path: Path, opened: Opened | None = None, held_out=None, resuming: bool = False
) -> Trainer:
    """Train in a folder, from the beginning or from its last checkpoint, and leave its report."""
    found = rundir.read_checkpoint(path / "last.pt") if resuming else None
    opened = opened or Opened(settings)
    if held_out is None:
        held_out = (
            np.asarray(found["held_out"])
            if found is not None and found.get("held_out") is not None
            else opened.validation()
        )
    facts = opened.facts
    model = build(settings.model, facts.channels, facts.size, len(facts.classes), settings.dropout)
    trainer = Trainer(model, settings, opened.loaders(held_out))
    extra = {
        "facts": asdict(facts),
        "settings": asdict(settings),
        "held_out": None if held_out is None else held_out.tolist(),
    }
    if found is not None:
        trainer.restore(found)
    else:
        rundir.checkpoint(path / "last.pt", {**trainer.state(), **extra})
    console = Console(highlight=False)
    console.print(
        f"{settings.dataset}: {len(trainer.loaders['train'].dataset)} training images of {facts.channels} x {facts.size[0]} x "
        f"{facts.size[1]}, {len(facts.classes)} classes; {settings.model}, {sum(p.numel() for p in model.parameters())} parameters; {path}",
        soft_wrap=True,
    )
    try:
        while not trainer.finished:
            one_epoch(trainer, console)
            state = {**trainer.state(), **extra}
            if trainer.best["epoch"] == trainer.epoch:
                rundir.checkpoint(path / "best.pt", state)
            rundir.checkpoint(path / "last.pt", state)
            rundir.write_metrics(path / "metrics.csv", trainer.history)
    except KeyboardInterrupt:
        # last.pt holds the state before the epoch that was interrupted: written whole, before the epoch began.
        raise Interrupted(
            f"Interrupted in epoch {trainer.epoch + 1}: {path / 'last.pt'} is saved. Continue with: taper train --resume {path}"
        ) from None
    rundir.write_metrics(path / "metrics.csv", trainer.history)
    summary = report.write(path, trainer, facts, settings)
    console.print(summary, soft_wrap=True)
    return trainer


def one_epoch(trainer: Trainer, console: Console) -> None:
    """An epoch with its progress bar, and then its line."""
    total = len(trainer.loaders["train"].dataset)
    epoch, epochs = trainer.epoch + 1, trainer.settings.epochs
    columns = (
        TextColumn(f"epoch {epoch}/{epochs}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(
            "loss {task.fields[loss]:.4f}  accuracy {task.fields[accuracy]:.4f}  {task.fields[speed]:,.0f} images/s"
        ),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, loss=0.0, accuracy=0.0, speed=0.0)

        def watch(seen: int, loss: float, accuracy: float) -> None:
            speed = progress.tasks[0].speed or 0.0
            progress.update(task, completed=seen, loss=loss, accuracy=accuracy, speed=speed)

        row = trainer.run_epoch(watch)
    parts = [f"epoch {epoch}/{epochs}", f"loss {row['train_loss']:.4f}", f"accuracy {row['train_accuracy']:.4f}"]
    for split in ("val", "test"):
        if f"{split}_loss" in row:
            parts += [f"{split} loss {row[f'{split}_loss']:.4f}", f"{split} accuracy {row[f'{split}_accuracy']:.4f}"]
    parts.append(f"{row['images_per_second']:,.0f} images/s")
    console.print("  ".join(parts), soft_wrap=True)


def folds(settings: Settings, opened: Opened, path: Path) -> None:
    """K runs, one a fold, and their mean."""
    order = np.random.default_rng(settings.seed).permutation(len(opened.labels))
    results = []
    for i, part in enumerate(np.array_split(order, settings.kfold), start=1):
        folder = path / f"fold-{i}"
        folder.mkdir()
        single = Settings(**{**asdict(settings), "kfold": 0, "val_split": 0.0, "early_stopping": 0})
        single.early_stopping = settings.early_stopping
        single.write(folder / "config.json")
        prepare(settings)
        trainer = run_one(single, folder, opened, np.sort(part))
        last = trainer.history[-1]
        results.append({"fold": i, "val_accuracy": last["val_accuracy"], "test_accuracy": last["test_accuracy"]})
    accuracies = np.array([r["val_accuracy"] for r in results])
    summary = {
        "folds": results,
        "mean_val_accuracy": float(accuracies.mean()),
        "std_val_accuracy": float(accuracies.std()),
    }
    (path / "folds.json").write_text(json.dumps(summary, indent=2) + "\n")
    click.echo(f"{settings.kfold} folds: validation accuracy {accuracies.mean():.4f} +- {accuracies.std():.4f}; {path}")
