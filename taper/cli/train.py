"""`taper train`: from a dataset's name to a folder that a person can look at."""

from __future__ import annotations

import json
import random
import shutil
import sys
import zlib
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from click.core import ParameterSource
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .. import distributed as dist
from ..tensor.random import manual_seed
from ..tensor.threads import set_num_threads
from ..utils.data import Subset
from . import data, launch, report, rundir, together
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
@click.option("--momentum", type=float, default=None, help="Momentum of sgd and rmsprop.  [default: 0.9 for sgd]")
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
@click.option("--nproc", type=click.IntRange(1), default=1, show_default=True, help="Processes that share each batch.")
@click.option(
    "--max-restarts",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="With --nproc: go on from the last checkpoint, this often, when a process dies.",
)
@click.option("--detect-anomaly", is_flag=True, help="Name the layer in which NaN or Inf first appears.")
@click.option("--into", default=None, hidden=True, help="The folder of a run that `taper train --nproc` has begun.")
@click.option("--resume", metavar="RUN", default=None, help="Continue the run in this folder.")
@click.pass_context
def train(
    context: click.Context,
    out: str,
    resume: str | None,
    nproc: int,
    max_restarts: int,
    into: str | None,
    **options: Any,
) -> int:
    """Train an image classifier.

    DATASET is digits, mnist, fashion-mnist, cifar10, or a folder with one folder of images for each class. The run is
    kept in OUT/DATASET-MODEL: config.json, metrics.csv, curves.png, confusion.png, mistakes.png, best.pt, last.pt,
    previous.pt.
    """
    if into is not None:
        one_of_several(Path(into), options)
        return 0
    settings = Settings(**options) if resume is None else resumed(context, Path(resume), options)
    if settings.pictures:
        report.check_pictures()
    if nproc > 1 and settings.kfold:
        raise UserError("--kfold trains in one process: leave out --nproc.")
    opened = Opened(settings)
    path = None if resume is None else Path(resume)
    fresh = not Path(out).exists()
    try:
        if path is None:
            path = rundir.new(Path(out), f"{Path(settings.dataset).resolve().name}-{settings.model}")
            settings.write(path / "config.json")
        if resume is not None and (settings.fold or not settings.kfold) and not (path / "last.pt").exists():
            raise UserError(f"{path} has no last.pt to continue from. Give the folder of another run, or train again.")
        if settings.kfold and not settings.fold:
            folds(settings, opened, path)
        elif nproc > 1:
            return several(settings, path, nproc, max_restarts)
        else:
            run_one(settings, path, opened)
        return 0
    except (OSError, UserError, KeyboardInterrupt) as error:
        if resume is None and path is not None:
            discard(path, fresh)
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            reason = error.strerror or error
            raise UserError(f"{path} cannot be written ({reason}). Make room, or give --out another folder.") from None
        raise
    finally:
        # Processes that failed have said why.
        if nproc > 1 and resume is None and path is not None:
            discard(path, fresh)


FREE = ("data_root", "download", "threads", "pictures", "detect_anomaly")
"""Options that do not change a run's numbers, and may be given with --resume."""


def several(settings: Settings, path: Path, nproc: int, max_restarts: int) -> int:
    """Train with several processes in a run's folder; their exit status."""
    own = [option for name in FREE for option in as_options(name, getattr(settings, name))]
    command = [sys.executable, "-m", "taper", "train", "--into", str(path), *own]
    status = launch.supervise(command, nproc, None, max_restarts)
    if status == 130:
        raise Interrupted(f"Interrupted. Continue with: taper train --resume {path} --nproc {nproc}")
    return status


def as_options(name: str, value: Any) -> list[str]:
    """A setting as it is given on the command line."""
    option = "--" + name.replace("_", "-")
    if value is False:
        return [] if name == "detect_anomaly" else [option.replace("--", "--no-", 1)]
    return [option] if value is True else [option, str(value)]


def one_of_several(path: Path, options: dict[str, Any]) -> None:
    """Train as one of the processes that `several` started."""
    dist.init_process_group("mpi")
    try:
        settings = replace(Settings.read(path / "config.json"), **{name: options[name] for name in FREE})
        run_one(settings, path, Opened(settings))
    except (UserError, OSError) as error:
        together.failed(error)
        raise
    dist.barrier()
    dist.destroy_process_group()


def resumed(context: click.Context, path: Path, options: dict[str, Any]) -> Settings:
    """The settings of the run to continue. UserError for options that would make it another run."""
    given = [name for name in options if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    for name in given:
        if name not in FREE:
            what = "the dataset" if name == "dataset" else "--" + name.replace("_", "-")
            raise UserError(f"--resume continues with the run's own settings: leave out {what}, or start a new run.")
    settings = Settings.read(path / "config.json")
    return replace(settings, **{name: options[name] for name in given})


def discard(path: Path, parent: bool) -> None:
    """Remove the folder of a run of which no epoch was finished, and, with parent, the one it was made in."""
    if any(path.rglob("best.pt")):
        return
    shutil.rmtree(path, ignore_errors=True)
    if parent:
        with suppress(OSError):
            path.parent.rmdir()


def prepare(settings: Settings) -> None:
    """Set threads and seeds."""
    if settings.threads:
        set_num_threads(settings.threads)
    manual_seed(settings.seed)
    random.seed(settings.seed)


class Opened:
    """A dataset's two splits, read, and the facts of its training split."""

    def __init__(self, settings: Settings):
        self.settings = settings
        root = Path(settings.data_root)
        self.training = data.open_dataset(settings.dataset, root, True, settings.download)
        self.facts = data.described(settings.dataset, self.training)
        self.test = data.open_dataset(settings.dataset, root, False, settings.download, self.facts.size)
        self.facts.check(self.test)
        self.count = len(self.training)
        if self.count < 2:
            raise UserError(f"dataset '{settings.dataset}' has one training image: that is too few. Add images.")
        if settings.kfold > self.count:
            raise UserError(
                f"--kfold {settings.kfold} is more than the {self.count} training images. Give fewer folds."
            )

    def fingerprint(self) -> dict[str, int]:
        """What shows whether the training images are those of before."""
        return {"count": self.count, "labels": zlib.crc32(np.ascontiguousarray(self.training.labels(), "<i8"))}

    def loaders(self, held_out: np.ndarray | None = None) -> dict:
        """The loaders of train, test, and, with positions held out, val."""
        plain = self.facts.transform()
        training = data.transformed(self.training, self.facts.transform(self.settings.augment))
        found = {"test": data.loader(data.transformed(self.test, plain), 500)}
        if held_out is not None:
            kept = np.setdiff1d(np.arange(self.count), held_out)
            training = Subset(training, kept.tolist())
            validation = Subset(data.transformed(self.training, plain), held_out.tolist())
            found["val"] = data.loader(validation, 500)
        found["train"] = together.loader(training, self.settings.batch_size)
        return found

    def held_out(self) -> np.ndarray | None:
        """The positions of the validation images, drawn from the seed alone."""
        settings = self.settings
        if not settings.val_split:
            return None
        count = round(self.count * settings.val_split)
        if not 0 < count < self.count:
            raise UserError(
                f"--val-split {settings.val_split} of {self.count} images leaves an empty split. Choose another share."
            )
        return np.sort(np.random.default_rng(settings.seed).permutation(self.count)[:count])

    def fold(self, number: int) -> np.ndarray:
        """The positions of the validation images of one of the folds of --kfold, from 1."""
        order = np.random.default_rng(self.settings.seed).permutation(self.count)
        return np.sort(np.array_split(order, self.settings.kfold)[number - 1])


def run_one(settings: Settings, path: Path, opened: Opened, whole: Path | None = None) -> Trainer:
    """Train in a folder, from the beginning or from its last checkpoint, and leave its report; whole: the run to resume
    if not this one."""
    found = together.of_first(lambda: rundir.last_checkpoint(path))
    prepare(settings)
    held_out = opened.fold(settings.fold) if settings.fold else opened.held_out()
    facts, images = opened.facts, opened.fingerprint()
    model = build(settings.model, facts.channels, facts.size, len(facts.classes), settings.dropout)
    trainer = Trainer(model, settings, opened.loaders(held_out))
    extra = {"facts": asdict(facts), "settings": asdict(settings), "images": images}
    if found is None:
        if together.first():
            rundir.checkpoint(path / "last.pt", {**trainer.state(), **extra})
    else:
        if found["facts"] != asdict(facts) or found.get("images") != images:
            raise UserError(
                f"dataset '{settings.dataset}' is not what {path} was trained on. Restore it, or start a new run."
            )
        trainer.restore(found)
    console = Console(highlight=False, markup=False, quiet=not together.first())
    console.print(
        f"{settings.dataset}: {len(trainer.loaders['train'].dataset)} training images of {facts.channels} x {facts.size[0]} x "
        f"{facts.size[1]}, {len(facts.classes)} classes; {settings.model}, {sum(p.numel() for p in model.parameters())} parameters; {path}",
        soft_wrap=True,
    )
    try:
        while not trainer.finished:
            one_epoch(trainer, console)
            if not together.first():
                continue
            state = {**trainer.state(), **extra}
            if trainer.best["epoch"] == trainer.epoch:
                rundir.checkpoint(path / "best.pt", state)
            rundir.checkpoint(path / "last.pt", state)
            rundir.write_metrics(path / "metrics.csv", trainer.history)
        if not together.first():
            return trainer
        rundir.write_metrics(path / "metrics.csv", trainer.history)
        summary = report.write(path, trainer, facts, settings)
    except KeyboardInterrupt:
        # last.pt holds the state between two epochs: written whole, before the epoch that was interrupted.
        at = f"in epoch {trainer.epoch + 1}" if not trainer.finished else "while drawing"
        raise Interrupted(
            f"Interrupted {at}: {path / 'last.pt'} is saved. Continue with: taper train --resume {whole or path}"
        ) from None
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
    """K runs, one a fold, and their mean; those that were begun are continued."""
    results = []
    for fold in range(1, settings.kfold + 1):
        folder = path / f"fold-{fold}"
        single = replace(settings, fold=fold)
        folder.mkdir(exist_ok=True)
        single.write(folder / "config.json")
        trainer = run_one(single, folder, opened, path)
        last = trainer.history[-1]
        results.append({"fold": fold, "val_accuracy": last["val_accuracy"], "test_accuracy": last["test_accuracy"]})
    accuracies = np.array([r["val_accuracy"] for r in results])
    summary = {
        "folds": results,
        "mean_val_accuracy": float(accuracies.mean()),
        "std_val_accuracy": float(accuracies.std()),
    }
    rundir.write_text(path / "folds.json", json.dumps(summary, indent=2) + "\n")
    click.echo(f"{settings.kfold} folds: validation accuracy {accuracies.mean():.4f} +- {accuracies.std():.4f}; {path}")
