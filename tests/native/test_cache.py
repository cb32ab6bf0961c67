"""The cache of machine code: what it is keyed by, damage, processes at the same time, its size, folders that refuse."""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
import sys
from dataclasses import replace

import pytest

import taper
from taper.native import cache, library
from taper.native.machine import LEVELS, host, level

unique = itertools.count()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache of its own."""
    monkeypatch.setenv("TAPER_CACHE_DIR", str(tmp_path / "cache"))
    cache.folder.cache_clear()
    yield tmp_path / "cache" / "native"
    cache.folder.cache_clear()


def module(value: int = 7) -> tuple[str, str]:
    name = f"test_cache_{os.getpid()}_{next(unique)}"
    return name, f"define i64 @{name}() {{\n  ret i64 {value}\n}}\n"


def called(name: str, text: str) -> int:
    return ctypes.CFUNCTYPE(ctypes.c_int64)(library.compiled(text, [name])[0])()


def entries(folder) -> list:
    return sorted(p for p in folder.iterdir() if not p.name.startswith("."))


def test_code_is_kept_and_found_again(folder, monkeypatch):
    name, text = module()
    assert called(name, text) == 7
    (entry,) = entries(folder)
    made = entry.read_bytes()
    monkeypatch.setattr(library, "parsed", lambda *args: pytest.fail("compiled again"))
    assert library.object_code(text) == made[20:]


def test_the_key_is_content_machine_and_versions(monkeypatch):
    machine = host()
    keys = {cache.key("a", machine), cache.key("b", machine)}
    keys |= {cache.key("a", level(name)) for name in (*LEVELS, "neon")}
    keys.add(cache.key("a", replace(machine, features=machine.features + ",+other")))
    keys.add(cache.key("a", replace(machine, cpu="other")))
    monkeypatch.setattr(cache.llvmlite, "__version__", "0.0.0")
    keys.add(cache.key("a", machine))
    assert len(keys) == 2 + len(LEVELS) + 1 + 3
    assert cache.key("a", machine) == cache.key("a", host())


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[: len(b) // 2],
        lambda b: b"",
        lambda b: b[:10],
        lambda b: b[:-1] + bytes([b[-1] ^ 1]),
        lambda b: b + b"x",
    ],
    ids=["half", "empty", "short", "a bit", "longer"],
)
def test_damaged_entries_are_made_again(folder, damage):
    name, text = module(9)
    library.object_code(text)
    (entry,) = entries(folder)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert called(name, text) == 9
    assert entry.read_bytes() == whole


def test_an_entry_that_is_a_folder_or_unreadable(folder):
    name, text = module(4)
    (folder / cache.key(text, host())).mkdir(parents=True)
    assert called(name, text) == 4


FILL = """
import os, sys
import taper
from taper.native import cache
f = taper.compile(lambda x, y: ((x @ y).tanh().sum(1), (x + 1).exp().mean(), x.softmax(0)))
taper.manual_seed(0)
found = f(taper.randn(9, 9), taper.randn(9, 9))
print([t.sum().item() for t in found], f.eager_reason)
"""


def run(text: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )


def test_processes_that_fill_one_cache_at_the_same_time(folder):
    environment = {**os.environ, "TAPER_CACHE_DIR": str(folder.parent)}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", FILL], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(4)
    ]
    found = [c.communicate(timeout=120) for c in children]
    assert all(c.returncode == 0 for c in children), found
    assert len({out for out, _ in found}) == 1 and "None" in found[0][0]
    kept = {p.name: p.read_bytes() for p in entries(folder)}
    assert kept and not [p for p in folder.iterdir() if p.name.startswith(".")]
    assert run(FILL, TAPER_CACHE_DIR=str(folder.parent)).stdout == found[0][0]
    assert {p.name: p.read_bytes() for p in entries(folder)} == kept


def test_a_cache_of_which_everything_is_damaged(folder):
    """Programs that are remembered, and code that is not: each entry is another kind of wreck."""
    whole = run(FILL, TAPER_CACHE_DIR=str(folder.parent))
    assert whole.returncode == 0, whole.stderr
    names = {p.name for p in entries(folder)}
    for i, entry in enumerate(entries(folder)):
        data = bytearray(entry.read_bytes())
        data[len(data) // 2] ^= 1 << i % 8
        # The remembered programs stay whole in every second entry, so that they ask for code that is gone.
        if not (i % 2 and entry.name.startswith("program")):
            entry.write_bytes([data, data[: len(data) // 2], b""][i % 3])
    assert run(FILL, TAPER_CACHE_DIR=str(folder.parent)).stdout == whole.stdout
    assert {p.name for p in entries(folder)} == names


def test_entries_that_are_exchanged(folder):
    (first, text), (second, other) = module(1), module(2)
    library.object_code(text)
    library.object_code(other)
    a, b = (folder / cache.key(t, host()) for t in (text, other))
    (whole, swapped) = a.read_bytes(), b.read_bytes()
    a.write_bytes(swapped)
    b.write_bytes(whole)
    assert (called(first, text), called(second, other)) == (1, 2)


def test_a_process_that_is_killed_while_it_writes(folder):
    environment = {**os.environ, "TAPER_CACHE_DIR": str(folder.parent)}
    script = FILL.replace(
        "import taper\n",
        """import taper
from taper.native import cache
def replace(draft, path):
    os.truncate(draft, 5)
    os.kill(os.getpid(), 9)
cache.os.replace = replace
""",
    )
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=120, env=environment)
    assert killed.returncode == -9, killed.stderr
    assert len(list(folder.iterdir())) == 1 and not entries(folder)
    done = run(FILL, TAPER_CACHE_DIR=str(folder.parent))
    assert done.returncode == 0 and "None" in done.stdout


def test_without_a_home_folder(monkeypatch):
    def nowhere(self):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("TAPER_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(cache.Path, "expanduser", nowhere)
    cache.folder.cache_clear()
    try:
        assert cache.folder() is None
        name, text = module(5)
        assert called(name, text) == 5
    finally:
        cache.folder.cache_clear()


def test_the_cache_stays_within_its_size(folder, monkeypatch):
    monkeypatch.setenv("TAPER_CACHE_SIZE", "1")
    monkeypatch.setattr(cache, "_written", 0)
    for i in range(130):
        cache.put(f"entry{i:03}", bytes(20_000))
        os.utime(folder / f"entry{i:03}", (i, i))
        if i == 60:
            assert cache.get("entry000") is not None
    left = {p.name for p in entries(folder)}
    assert sum(p.stat().st_size for p in entries(folder)) <= (1 << 20) + 64 * 20_020
    assert "entry000" in left and "entry129" in left and "entry010" not in left


@pytest.mark.parametrize("text", ["nonsense", "-5", ""])
def test_a_size_that_is_no_number_is_not_taken(folder, monkeypatch, text):
    monkeypatch.setenv("TAPER_CACHE_SIZE", text)
    monkeypatch.setattr(cache, "_written", 0)
    cache.put("entry", b"code")
    assert cache.get("entry") == b"code"


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("not a folder")
    monkeypatch.setenv("TAPER_CACHE_DIR", str(file))
    cache.folder.cache_clear()
    try:
        assert cache.folder() is None
        name, text = module(3)
        assert called(name, text) == 3
        assert cache.get("anything") is None
    finally:
        cache.folder.cache_clear()


def test_a_disk_that_is_full(folder, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", full)
    name, text = module(2)
    assert called(name, text) == 2
    assert list(folder.iterdir()) == []


LEVELS_AGREE = """
import taper
from taper import nn
from taper.native.machine import host
from taper.nn import functional as F

def run(compile):
    taper.manual_seed(0)
    model = nn.Sequential(nn.Linear(19, 33), nn.LayerNorm(33), nn.GELU(), nn.Linear(33, 7))
    optimizer = taper.optim.AdamW(model.parameters(), lr=0.01)
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss
    step = taper.compile(step) if compile else step
    other = lambda a, i: (a.double().cumsum(0) + a.sum(0), a[i].argmax(1), a.t().flip(0).softmax(0), (a > 0).any(1), a.long() // 3)
    other = taper.compile(other) if compile else other
    x, y = taper.randn(21, 19), taper.randint(0, 7, (21,))
    return [*[step(x, y) for _ in range(4)], *other(taper.randn(17, 23) * 5, taper.tensor([3, 16, 0, 3]))]

eager, compiled = run(False), run(True)
for a, b in zip(compiled, eager):
    assert taper.allclose(a.detach().double(), b.detach().double(), rtol=1e-4, atol=1e-4), (a, b)
print(host().cpu, host().vector_bits)
"""


def usable(name: str) -> bool:
    return level(name).vector_bits <= host().vector_bits


@pytest.mark.parametrize("name", ["x86-64", "x86-64-v3", "x86-64-v4"])
def test_programs_for_less_than_this_processor(name, tmp_path):
    if not host().triple.startswith("x86_64") or not usable(name):
        pytest.skip(f"this processor does not run {name}")
    done = run(LEVELS_AGREE, TAPER_CPU=name, TAPER_CACHE_DIR=str(tmp_path))
    assert done.stdout.split() == [name, str(LEVELS[name][0])], done.stdout + done.stderr


def test_an_unknown_level_is_an_error_that_names_those_there_are():
    done = run("import taper; taper.compile(lambda x: x + 1)(taper.ones(3))", TAPER_CPU="x86-64-v9")
    assert done.returncode != 0
    assert "TAPER_CPU=x86-64-v9" in done.stderr and "x86-64-v3" in done.stderr and "native" in done.stderr


def test_the_cache_is_shared_with_programs_of_compiled_functions(folder):
    f = taper.compile(lambda x: (x * 3).tanh())
    f(taper.ones(100_000 + next(unique)))
    assert entries(folder)
