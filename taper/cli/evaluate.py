"""`taper eval`: how well a run's model does on its test images."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import data
from .report import confusion_matrix
from .saved import open_run
from .trainer import scores_of


@click.command("eval", short_help="Measure a run's model on the test images.")
@click.argument("run")
@click.option("--data-root", default=None, help="Where the dataset is.  [default: as in training]")
def evaluate(run: str, data_root: str | None) -> None:
    """Measure the best model in the folder RUN on the test images of its dataset: accuracy, and each class."""
    model, facts, settings = open_run(Path(run))
    dataset = data.open_dataset(
        settings.dataset, Path(data_root or settings.data_root), False, settings.download, facts.size
    )
    facts.check(dataset)
    scores, labels = scores_of(model, data.loader(data.transformed(dataset, facts.transform()), 500))
    matrix = confusion_matrix(labels, scores.argmax(1), len(facts.classes))
    table = Table("class", "images", "recall", "precision")
    for i, name in enumerate(facts.classes):
        true, said = matrix[i].sum(), matrix[:, i].sum()
        recall = f"{matrix[i, i] / true:.4f}" if true else "-"
        table.add_row(Text(name), str(true), recall, f"{matrix[i, i] / said:.4f}" if said else "-")
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print(f"test accuracy {np.trace(matrix) / max(matrix.sum(), 1):.4f} on {matrix.sum()} images")
