"""The settings of a run: what was asked for, checked, and kept in `config.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from .errors import UserError

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "radam")
SCHEDULERS = ("none", "step", "cosine", "onecycle", "plateau", "exponential")
RATES = {"sgd": 0.05, "rmsprop": 1e-3, "adagrad": 1e-2, "adadelta": 1.0, "adamax": 2e-3, "nadam": 2e-3}


@dataclass
class Settings:
    """The options of `taper train`."""

    dataset: str
    model: str = "lenet"
    epochs: int | None = None
    batch_size: int = 64
    lr: float | None = None
    optimizer: str = "adam"
    momentum: float = 0.9
    weight_decay: float = 0.0
    scheduler: str = "none"
    dropout: float = 0.0
    label_smoothing: float = 0.0
    augment: bool = False
    val_split: float = 0.0
    early_stopping: int = 0
    kfold: int = 0
    seed: int = 0
    threads: int = 0
    device: str = "cpu"
    data_root: str = "data"
    download: bool = True
    pictures: bool = True

    def __post_init__(self) -> None:
        # Digits are few and small: they want more passes, and bear larger steps.
        small = self.dataset == "digits"
        if self.epochs is None:
            self.epochs = 20 if small else 10
        if self.lr is None:
            self.lr = RATES.get(self.optimizer, 3e-3 if small else 1e-3)
        checks = (
            (self.epochs >= 1, "--epochs must be 1 or more"),
            (self.batch_size >= 1, "--batch-size must be 1 or more"),
            (0 < self.lr < float("inf"), "--lr must be a positive number"),
            (self.momentum >= 0, "--momentum must be 0 or more"),
            (self.weight_decay >= 0, "--weight-decay must be 0 or more"),
            (0 <= self.dropout < 1, "--dropout must be in [0, 1)"),
            (0 <= self.label_smoothing < 1, "--label-smoothing must be in [0, 1)"),
            (0 <= self.val_split < 1, "--val-split must be in [0, 1)"),
            (self.early_stopping >= 0, "--early-stopping must be 0 or more epochs"),
            (self.kfold == 0 or self.kfold >= 2, "--kfold must be 2 or more folds"),
            (self.threads >= 0, "--threads must be 0 (all) or more"),
        )
        for holds, message in checks:
            if not holds:
                raise UserError(message + ".")
        if self.early_stopping and not self.val_split and not self.kfold:
            raise UserError(
                "--early-stopping watches the validation loss: give --val-split too, for example --val-split 0.1."
            )
        if self.kfold and self.val_split:
            raise UserError("--kfold makes its own validation sets: leave out --val-split.")
        if self.device != "cpu":
            raise UserError(
                f"device '{self.device}' is not available here. Use --device cpu; `taper info` lists devices."
            )

    def write(self, path: Path) -> None:
        """Keep the settings as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Settings of a run that was. UserError for a missing or damaged file."""
        try:
            found = json.loads(path.read_text())
            names = {f.name for f in fields(cls)}
            return cls(**{k: v for k, v in found.items() if k in names})
        except FileNotFoundError:
            raise UserError(f"'{path.parent}' is no run of taper train: it has no {path.name}.") from None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise UserError(f"{path} cannot be read ({error}). Restore it, or train again.") from None
