"""`taper predict`: what a run's model sees in images."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from ..autograd.modes import no_grad
from ..tensor.joining import stack
from .folder import read_image
from .saved import open_run


@click.command(short_help="Print what a run's model sees in images.")
@click.argument("run")
@click.argument("images", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="How many classes to print.")
def predict(run: str, images: tuple[str, ...], top: int) -> None:
    """Print the most probable classes of each of IMAGES by the best model in the folder RUN."""
    model, facts, _ = open_run(Path(run))
    mode, transform = "L" if facts.channels == 1 else "RGB", facts.transform()
    batch = stack([transform(read_image(name, mode, facts.size)) for name in images])
    with no_grad():
        probabilities = model(batch).softmax(1).numpy()
    width = max(map(len, images))
    for name, row in zip(images, probabilities):
        order = np.argsort(-row, kind="stable")[: min(top, len(row))]
        click.echo(f"{name:<{width}}  " + "  ".join(f"{facts.classes[i]} {row[i]:.1%}" for i in order))
