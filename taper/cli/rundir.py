"""A run's folder: settings, metrics, checkpoints. Every file is written whole or not at all."""

from __future__ import annotations

import csv
import os
import zipfile
from pathlib import Path
from typing import Any

from ..serialization import load, save
from .errors import UserError

COLUMNS = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "test_loss",
    "test_accuracy",
    "lr",
    "images_per_second",
)


def new(parent: Path, name: str) -> Path:
    """A new folder under `parent`: name, name-2, name-3, ..."""
    for i in range(1, 10_000):
        path = parent / (name if i == 1 else f"{name}-{i}")
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(
                f"the run's folder {path} cannot be made ({error.strerror}). Give --out another folder."
            ) from None
    raise UserError(f"{parent} holds too many runs named {name}. Give --out another folder.")


def write_metrics(path: Path, rows: list[dict[str, Any]]) -> None:
    """All epochs so far as CSV."""
    part = path.with_suffix(".part")
    with part.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    os.replace(part, path)


def checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint in place of the former one."""
    try:
        save(content, path)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}). Make room, or give --out another folder."
        ) from None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint of a run. UserError for one that is missing, damaged or of another kind."""
    try:
        content = load(path)
    except FileNotFoundError:
        raise UserError(f"{path.parent} has no {path.name}. Give the folder of a run of taper train.") from None
    except (RuntimeError, OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"the checkpoint {path} cannot be read: {error}") from None
    if not isinstance(content, dict) or "model" not in content or "facts" not in content:
        raise UserError(f"{path} is no checkpoint of taper train: it lacks the model. Give the folder of a run.")
    return content
