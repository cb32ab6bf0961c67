"""`taper predict`: what a run's model sees in images."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from ..autograd.modes import no_grad
from ..tensor.joining import stack
from .data import Facts
from .errors import UserError
from .saved import open_run


def read_image(path: Path, facts: Facts):
    """An image file as the model's input. UserError for what is no readable image."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise UserError("reading images needs pillow: pip install 'taper[vision]'.") from None
    try:
        with Image.open(path) as opened:
            image = opened.convert("L" if facts.channels == 1 else "RGB")
    except FileNotFoundError:
        raise UserError(f"image {path} does not exist. Check the path.") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(
            f"image {path} cannot be read ({error}). Give a PNG, JPEG or another common image file."
        ) from None
    height, width = facts.size
    return facts.transform()(image.resize((width, height)))


@click.command(short_help="Print what a run's model sees in images.")
@click.argument("run")
@click.argument("images", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="How many classes to print.")
def predict(run: str, images: tuple[str, ...], top: int) -> None:
    """Print the most probable classes of each of IMAGES by the best model in the folder RUN."""
    model, facts, _ = open_run(Path(run))
    batch = stack([read_image(Path(name), facts) for name in images])
    with no_grad():
        probabilities = model(batch).softmax(1).numpy()
    width = max(map(len, images))
    for name, row in zip(images, probabilities):
        order = np.argsort(-row, kind="stable")[: min(top, len(row))]
        click.echo(f"{name:<{width}}  " + "  ".join(f"{facts.classes[i]} {row[i]:.1%}" for i in order))
