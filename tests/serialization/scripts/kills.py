"""Kill a run that trains and writes checkpoints, again and again, and see what it left and where it ends.

kills.py training|saving|background FOLDER KILLS      prints JSON

One interpreter starts; each run is a fork of it. The moments are fractions of the run from a fixed seed.
"""

import gc
import hashlib
import json
import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

import taper as torch
from taper import nn
from taper.serialization import Checkpoints

EVERY, STEPS = 3, 240


def steps(folder: Path, background: bool, tell: int) -> None:
    """Train from the newest checkpoint to the end; each step is told before it is taken."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    kept = Checkpoints(folder, background=background)
    found, first = kept.latest(), 0
    if found is not None:
        first, state = found
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
    for step in range(first, STEPS):
        os.write(tell, (step + 1).to_bytes(4, "little"))
        optimizer.zero_grad()
        model(torch.randn(4, 8)).pow(2).mean().backward()
        optimizer.step()
        if (step + 1) % EVERY == 0:
            content = {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "random": torch.get_rng_state(),
            }
            kept.save(content, step + 1)
    kept.wait()


def saves(folder: Path, background: bool, tell: int) -> None:
    """Write one checkpoint after the other, each of 4 MB; each is told before it is written, and the time the last took."""
    kept = Checkpoints(folder, background=background)
    found = kept.latest()
    first = found[0] + 1 if found else 1
    content = {f"t{i}": torch.full((1024, 256), 0.0) for i in range(4)}
    took = 0.0
    for number in range(first, 1 << 20):
        for t in content.values():
            t.fill_(number)
        os.write(tell, number.to_bytes(4, "little") + int(took * 1e6).to_bytes(4, "little"))
        started = time.perf_counter()
        kept.save(content, number)
        took = time.perf_counter() - started


def forked(run, *arguments) -> tuple[int, int]:
    """A run in a process of its own: its number, and where it tells how far it is."""
    gc.collect()
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(hear)
        run(*arguments, tell)
        os._exit(0)
    os.close(tell)
    return child, hear


def ended(child: int, hear: int) -> None:
    while os.read(hear, 1 << 16):
        pass
    os.close(hear)
    assert os.waitpid(child, 0)[1] == 0, "a run that was not killed failed"


def killed(child: int, hear: int) -> bytes:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    rest = b""
    while part := os.read(hear, 1 << 16):
        rest += part
    os.close(hear)
    return rest


def newest(folder: Path) -> tuple[int, object]:
    """The newest checkpoint, which must be whole: a warning that one was passed over is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Checkpoints(folder).latest()
    return found or (0, None)


def digest(folder: Path) -> str:
    step, state = newest(folder)
    assert step == STEPS
    values = [
        *state["model"].values(),
        *(v for s in state["optimizer"]["state"].values() for v in s.values()),
        state["random"],
    ]
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in values)).hexdigest()


def training(folder: Path, kills: int, background: bool) -> dict:
    ended(*forked(steps, folder / "whole", background))
    moments, ages, drafts = random.Random(7), [], 0
    for fraction in sorted(moments.random() for _ in range(kills)):
        child, hear = forked(steps, folder / "killed", background)
        last = 0
        while last < fraction * STEPS and (told := os.read(hear, 4)):
            last = int.from_bytes(told, "little")
        time.sleep(moments.random() * 0.01)
        rest = killed(child, hear)
        last = int.from_bytes(rest[-4:], "little") if rest else last
        drafts += any((folder / "killed").glob(".step-*"))
        # Of step `last` nobody knows whether it was finished: of the steps that are lost it does not count.
        ages.append(max(0, last - 1 - newest(folder / "killed")[0]))
    ended(*forked(steps, folder / "killed", background))
    same = digest(folder / "killed") == digest(folder / "whole")
    return {"ages": ages, "drafts": drafts, "same": same, "left": len(list((folder / "killed").iterdir()))}


def saving(folder: Path, kills: int) -> dict:
    moments, behind, drafts = random.Random(11), [], 0
    for _ in range(kills):
        child, hear = forked(saves, folder, False)
        for _ in range(3):
            told = os.read(hear, 8)
        number, took = int.from_bytes(told[:4], "little"), int.from_bytes(told[4:], "little") / 1e6
        time.sleep(moments.random() * took)
        rest = killed(child, hear)
        last = int.from_bytes(rest[-8:-4], "little") if rest else number
        drafts += any(folder.glob(".step-*"))
        step, content = newest(folder)
        assert all(t.min() == t.max() == step for t in content.values()), "a checkpoint of two moments"
        behind.append(last - step)
    return {"behind": behind, "drafts": drafts}


mode, place, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
if mode == "saving":
    print(json.dumps(saving(place, count)))
else:
    print(json.dumps(training(place, count, mode == "background")))
