"""Writes docs/api.md: which of the names of PyTorch that programs use Taper has, and what stands in the place of the others.

    python scripts/api_page.py            write the page
    python scripts/api_page.py --check    only say whether it is as it would be written

The names are those of api_names.txt. A name is there if it resolves; what is refused, and what a function does not take, is told in the
words of its own documentation: sentences that name NotImplementedError, or say that something has no effect.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import taper
from taper.compat.instead import instead
from taper.compat.rooms import taper_name
from taper.refusal import Refused

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "api.md"

TIERS = {"A": "3 repositories or more", "B": "2 repositories", "C": "1 repository", "other": "a second spelling"}


@dataclass(frozen=True)
class Name:
    """A ranked name. repositories: how many use it."""

    full: str
    tier: str
    repositories: int


@dataclass(frozen=True)
class State:
    """yes, partly or no; how, or what to use instead."""

    word: str
    how: str = ""


def names() -> list[Name]:
    """The ranked names."""
    found = []
    for line in (HERE / "api_names.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        head, _, rest = line.partition(": ")
        owner, tier = head.split()
        for part in rest.split(", "):
            leaf, count = part.split()
            found.append(Name(leaf if owner == "-" else f"{owner}.{leaf}", tier, int(count)))
    return found


def _small() -> dict[str, Any]:
    """Small instances of classes, for attributes that only instances have."""
    nn, data = taper.nn, taper.utils.data
    optimizer = taper.optim.SGD([nn.Parameter(taper.zeros(2))], lr=0.1)
    rows = data.TensorDataset(taper.zeros(4, 1))
    return {
        "torch.Tensor": taper.zeros(2),
        "torch.device": taper.device("cpu"),
        "torch.finfo": taper.finfo(taper.float32),
        "torch.iinfo": taper.iinfo(taper.int64),
        "torch.Generator": taper.Generator(),
        "torch.nn.Module": nn.Module(),
        "torch.nn.Linear": nn.Linear(2, 2),
        "torch.nn.Conv2d": nn.Conv2d(1, 1, 1),
        "torch.nn.Embedding": nn.Embedding(2, 2),
        "torch.nn.BatchNorm1d": nn.BatchNorm1d(2),
        "torch.nn.BatchNorm2d": nn.BatchNorm2d(2),
        "torch.nn.LayerNorm": nn.LayerNorm(2),
        "torch.nn.LSTM": nn.LSTM(2, 2),
        "torch.nn.GRU": nn.GRU(2, 2),
        "torch.nn.MultiheadAttention": nn.MultiheadAttention(2, 1),
        "torch.nn.utils.rnn.PackedSequence": nn.utils.rnn.pack_sequence([taper.zeros(2)]),
        "torch.optim.Optimizer": optimizer,
        "torch.optim.lr_scheduler.LRScheduler": taper.optim.lr_scheduler.StepLR(optimizer, 1),
        "torch.utils.data.DataLoader": data.DataLoader(rows),
        "torch.utils.data.TensorDataset": rows,
        "torch.utils.data.Subset": data.Subset(rows, [0]),
        "torchvision.models.Inception3": taper.vision.models.Inception3(num_classes=2, init_weights=False),
    }


class Lookup:
    """Finds what Taper has under a name of PyTorch's."""

    ABSENT = object()

    def __init__(self):
        self.found: dict[str, Any] = {"torch": taper, "torchvision": taper.vision}
        self.small = _small()

    def __call__(self, full: str) -> Any:
        if full not in self.found:
            self.found[full] = self._looked_up(full)
        return self.found[full]

    def _looked_up(self, full: str) -> Any:
        owner, _, leaf = full.rpartition(".")
        thing = self(owner)
        if thing is self.ABSENT or isinstance(thing, Refused):
            return thing
        try:
            return getattr(thing, leaf)
        except AttributeError:
            pass
        except ImportError:
            # A name over an optional library that is not installed here.
            return None
        if isinstance(thing, ModuleType):
            module = taper_name(full)
            try:
                return importlib.import_module(module) if module is not None else self.ABSENT
            except ModuleNotFoundError:
                return self.ABSENT
        if owner.startswith("torchvision.datasets."):
            # What an instance has: it needs the files.
            return None
        return getattr(self.small.get(owner), leaf, self.ABSENT)


_LIMITS = re.compile(r"NotImplementedError|no effect|without effect|not supported|is not part of Taper|never called")

_AS_PYTORCH = {
    *("torch.sign", "torch.Tensor.sign", "torch.Tensor.bitwise_not", "torch.nn.functional.interpolate"),
    *("torchvision.ops.misc.interpolate", "torch.nn.functional.avg_pool2d", "torch.nn.functional.avg_pool3d"),
    *("torch.distributions.kl_divergence", "torch.distributions.kl.kl_divergence", "torch.utils.data.Dataset"),
    *("torch.utils.data.dataset.Dataset", "torch.nested.to_padded_tensor", "torch.Tensor.to_padded_tensor"),
}
"""What PyTorch refuses in the same way."""


def _limits(thing: Any) -> str:
    """The sentences of a function's or class's own documentation that say what it does not do."""
    if not (inspect.isroutine(thing) or inspect.isclass(thing)) or not str(getattr(thing, "__module__", "")).startswith(
        "taper"
    ):
        return ""
    text = " ".join((getattr(thing, "__doc__", None) or "").split())
    sentences = re.split(r"(?<=[.;])\s+(?=\S)", text)
    return " ".join(s for s in sentences if _LIMITS.search(s))


def state(name: Name, look: Lookup) -> State:
    """Whether a name is there."""
    thing = look(name.full)
    if thing is Lookup.ABSENT:
        return State("no", instead(name.full))
    if isinstance(thing, Refused):
        return State("no", thing._instead)
    if isinstance(thing, taper.dtypes.AbsentType):
        return State("no", thing.instead)
    limits = "" if name.full in _AS_PYTORCH else _limits(thing)
    if limits.startswith(("NotImplementedError:", "RuntimeError: removed")):
        return State("no", limits)
    return State("partly", limits) if limits else State("yes")


def _room(full: str, look: Lookup) -> str:
    """The heading under which a name stands: its module, or its class for members."""
    owner = full.rpartition(".")[0]
    while owner and "." in owner and not isinstance(look(owner), ModuleType) and owner != "torch.Tensor":
        owner = owner.rpartition(".")[0]
    return owner or full


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page() -> str:
    """The page."""
    look = Lookup()
    every = names()
    states = {name.full: state(name, look) for name in every}
    lines = [
        "# The names of PyTorch's API that programs use",
        "",
        "Which of the names of torch and torchvision that 90 public repositories use are in Taper, by module. Written by",
        "`python scripts/api_page.py`, and kept true by a test: change the code, not this page.",
        "",
        "*Partly* means that the name is there and that its own documentation says what it does not do, or takes without effect.",
        "A number is how many of the repositories use a name.",
        "",
        "| tier | names | yes | partly | no | there |",
        "|---|---|---|---|---|---|",
    ]
    for tier, meaning in TIERS.items():
        words = [states[n.full].word for n in every if n.tier == tier]
        counts = [words.count(word) for word in ("yes", "partly", "no")]
        lines.append(
            f"| {tier} ({meaning}) | {len(words)} | {' | '.join(map(str, counts))} | {1 - counts[2] / len(words):.1%} |"
        )
    rooms: dict[str, list[Name]] = {}
    for name in every:
        rooms.setdefault(_room(name.full, look), []).append(name)
    for room in sorted(rooms):
        inside = sorted(rooms[room], key=lambda n: (-n.repositories, n.full))
        short = lambda n, room=room: n.full[len(room) + 1 :] or n.full
        lines += ["", f"## {room}", ""]
        there = [f"`{short(n)}` {n.repositories}" for n in inside if states[n.full].word == "yes"]
        if there:
            lines += [f"Yes ({len(there)}): {', '.join(there)}", ""]
        others = [n for n in inside if states[n.full].word != "yes"]
        if others:
            lines += ["| name | used by | | how, or what instead |", "|---|---|---|---|"]
            lines += [
                f"| `{short(n)}` | {n.repositories} | {states[n.full].word} | {_cell(states[n.full].how)} |"
                for n in others
            ]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Write the page, or with --check compare it."""
    made = page()
    if "--check" in sys.argv[1:]:
        same = PAGE.exists() and PAGE.read_text("utf-8") == made
        print("docs/api.md is up to date" if same else "docs/api.md is out of date: run python scripts/api_page.py")
        sys.exit(not same)
    PAGE.write_text(made, "utf-8")


if __name__ == "__main__":
    main()
