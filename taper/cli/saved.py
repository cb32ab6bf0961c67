"""A trained model from its run."""

from __future__ import annotations

from pathlib import Path

from .. import nn
from . import rundir
from .data import Facts
from .errors import UserError
from .models import build
from .settings import Settings


def open_run(path: Path) -> tuple[nn.Module, Facts, Settings]:
    """The best model of a run, in evaluation mode, with what it knows of its images. UserError for no or a broken run."""
    if not path.is_dir():
        raise UserError(f"'{path}' is no folder. Give the folder of a run of taper train.")
    best = path / "best.pt"
    content = rundir.read_checkpoint(best if best.exists() else path / "last.pt")
    try:
        facts = Facts(**{**content["facts"], "size": tuple(content["facts"]["size"])})
        settings = Settings(**content["settings"])
        model = build(settings.model, facts.channels, facts.size, len(facts.classes), settings.dropout)
        model.load_state_dict(content["model"])
    except (KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise UserError(
            f"the checkpoint in {path} does not hold a model of taper train ({error}). Train again."
        ) from None
    return model.eval(), facts, settings
