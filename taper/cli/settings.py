"""The settings of a run: what was asked for, checked, and kept in `config.json`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from .errors import UserError
from .models import MODELS
from .rundir import write_text

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "radam")
SCHEDULERS = ("none", "step", "cosine", "onecycle", "plateau", "exponential")
MOMENTUM = {"sgd": 0.9, "rmsprop": 0.0}
MOST = 10**9
KINDS = {"str": (str,), "int": (int,), "float": (float, int), "bool": (bool,)}
RATES = {"sgd": 0.05, "rmsprop": 1e-3, "adagrad": 1e-2, "adadelta": 1.0, "adamax": 2e-3, "nadam": 2e-3}


@dataclass
class Settings:
    """The options of `taper train`, and, for one of the runs of --kfold, which one it is (fold, from 1)."""

    dataset: str
    model: str = "lenet"
    epochs: int | None = None
    batch_size: int = 64
    lr: float | None = None
    optimizer: str = "adam"
    momentum: float | None = None
    weight_decay: float = 0.0
    scheduler: str = "none"
    dropout: float = 0.0
    label_smoothing: float = 0.0
    augment: bool = False
    val_split: float = 0.0
    early_stopping: int = 0
    kfold: int = 0
    fold: int = 0
    seed: int = 0
    threads: int = 0
    device: str = "cpu"
    data_root: str = "data"
    download: bool = True
    pictures: bool = True
    detect_anomaly: bool = False

    def __post_init__(self) -> None:
        self._check_types()
        # Digits are few and small: they want more passes, and bear larger steps.
        small = self.dataset == "digits"
        if self.epochs is None:
            self.epochs = 20 if small else 10
        if self.lr is None:
            self.lr = RATES.get(self.optimizer, 3e-3 if small else 1e-3)
        if self.momentum is not None and self.optimizer not in MOMENTUM:
            raise UserError(f"--momentum is for sgd and rmsprop: leave it out with --optimizer {self.optimizer}.")
        if self.momentum is None:
            self.momentum = MOMENTUM.get(self.optimizer)
        for name, known in (("model", MODELS), ("optimizer", OPTIMIZERS), ("scheduler", SCHEDULERS)):
            if getattr(self, name) not in known:
                raise UserError(f"unknown {name} '{getattr(self, name)}'. Choose one of: {', '.join(known)}.")
        checks = (
            (1 <= self.epochs <= MOST, "--epochs must be 1 or more"),
            (1 <= self.batch_size <= MOST, "--batch-size must be 1 or more"),
            (0 < self.lr < math.inf, "--lr must be a positive number"),
            (self.momentum is None or 0 <= self.momentum < 1, "--momentum must be in [0, 1)"),
            (0 <= self.weight_decay < math.inf, "--weight-decay must be 0 or more"),
            (0 <= self.dropout < 1, "--dropout must be in [0, 1)"),
            (0 <= self.label_smoothing < 1, "--label-smoothing must be in [0, 1)"),
            (0 <= self.val_split < 1, "--val-split must be in [0, 1)"),
            (self.early_stopping >= 0, "--early-stopping must be 0 or more epochs"),
            (self.kfold == 0 or self.kfold >= 2, "--kfold must be 2 or more folds"),
            (0 <= self.fold <= self.kfold, "the fold must be one of --kfold"),
            (0 <= self.seed < 2**63, "--seed must be 0 or more, and below 2**63"),
            (0 <= self.threads <= 4096, "--threads must be 0 (all) or more, up to 4096"),
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

    def _check_types(self) -> None:
        """UserError for a setting of the wrong kind, as a config.json that was edited may hold."""
        for field in fields(self):
            value, kinds = getattr(self, field.name), KINDS[str(field.type).split(" ")[0]]
            if value is None and "None" in str(field.type):
                continue
            if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                raise UserError(f"{field.name} must be {' or '.join(k.__name__ for k in kinds)}, not {value!r}.")

    def write(self, path: Path) -> None:
        """Keep the settings as JSON."""
        write_text(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Settings of a run that was. UserError for a missing or damaged file."""
        try:
            found = json.loads(path.read_text())
            names = {f.name for f in fields(cls)}
            return cls(**{k: v for k, v in found.items() if k in names})
        except (FileNotFoundError, NotADirectoryError):
            raise UserError(
                f"'{path.parent}' is no run of taper train: it has no {path.name}. Give the folder of a run."
            ) from None
        except (OSError, ValueError, TypeError, AttributeError, RecursionError, UserError) as error:
            raise UserError(f"{path} cannot be read ({error}). Restore it, or train again.") from None
