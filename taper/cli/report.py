"""What a finished run leaves to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import viz
from ..viz.pictures import figure
from . import rundir
from .data import Facts
from .errors import UserError
from .settings import Settings
from .trainer import Trainer, scores_of


def check_pictures() -> None:
    """UserError where pictures cannot be drawn."""
    try:
        figure(1, 1)
    except ImportError as error:
        raise UserError(f"{error}, or pass --no-pictures.") from None


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (true class, predicted class)."""
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def write(path: Path, trainer: Trainer, facts: Facts, settings: Settings) -> str:
    """Draw the pictures of a run with its best model; returns the line that sums it up."""
    last_state = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    trainer.model.load_state_dict(rundir.read_checkpoint(path / "best.pt")["model"])
    scores, labels = scores_of(trainer.model, trainer.loaders["test"])
    trainer.model.load_state_dict(last_state)
    predicted = scores.argmax(1)
    accuracy = float((predicted == labels).mean())
    if settings.pictures:
        title = f"{settings.dataset}, {settings.model}"
        viz.curves(trainer.history, path / "curves.png", title)
        matrix = confusion_matrix(labels, predicted, len(facts.classes))
        viz.confusion(matrix, facts.classes, path / "confusion.png", f"{title}: test accuracy {accuracy:.4f}")
        _mistakes(path / "mistakes.png", trainer, facts, scores, labels)
    best = trainer.best["epoch"]
    return f"test accuracy {accuracy:.4f} (best epoch {best} of {trainer.epoch} by {trainer.judge} accuracy); {path}"


def _mistakes(
    path: Path, trainer: Trainer, facts: Facts, scores: np.ndarray, labels: np.ndarray, most: int = 40
) -> None:
    """The images that were mistaken with the highest confidence."""
    probabilities = np.exp(scores - scores.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    predicted = scores.argmax(1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:most]
    dataset = trainer.loaders["test"].dataset
    mean, std = np.array(facts.mean).reshape(-1, 1, 1), np.array(facts.std).reshape(-1, 1, 1)
    images, captions = [], []
    for i in worst:
        pixels = np.clip(dataset[int(i)][0].numpy() * std + mean, 0, 1)
        images.append(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
        share = probabilities[i, predicted[i]]
        captions.append(f"{facts.classes[labels[i]]} as {facts.classes[predicted[i]]}\n{share:.0%}")
    viz.mistakes(images, captions, path, f"{len(wrong)} of {len(labels)} mistaken: true as predicted")
