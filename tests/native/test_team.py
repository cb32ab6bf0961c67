"""The thread team: the same bits for any number of threads, no time burned when idle, forks, interruptions, other threads."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import taper
from taper import nn
from taper.native import team, threads
from taper.nn import functional as F

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = taper.get_num_threads()
    yield
    taper.set_num_threads(before)


def mlp_step():
    taper.manual_seed(0)
    model = nn.Sequential(nn.Linear(96, 160), nn.ReLU(), nn.Dropout(0.1), nn.Linear(160, 33))
    optimizer = taper.optim.Adam(model.parameters(), lr=0.01)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    x, y = taper.randn(130, 96), taper.randint(0, 33, (130,))
    compiled = taper.compile(step)
    losses = [compiled(x, y) for _ in range(4)]
    return [*losses, *model.parameters(), *[p.grad for p in model.parameters()]]


def layer_norm_with_gradients():
    taper.manual_seed(0)
    x = taper.randn(700, 129, requires_grad=True)
    w, b = taper.rand(129, requires_grad=True), taper.rand(129, requires_grad=True)
    out = taper.compile(lambda x: F.layer_norm(x, (129,), w, b))(x)
    out.pow(2).sum().backward()
    return out, x.grad, w.grad, b.grad


def elementwise():
    taper.manual_seed(0)
    a, b = taper.randn(300_001), taper.randn(300_001)
    return taper.compile(lambda a, b: (taper.tanh(a * b + 1) * taper.sigmoid(a), (a + b).sum(), a.max(), (a * b).mean()))(a, b)


def softmax():
    taper.manual_seed(0)
    x = taper.randn(301, 517)
    return taper.compile(lambda x: (x.softmax(1), x.softmax(0), x.logsumexp(1), x.sum(0), x.argmax(1)))(x)


def products():
    taper.manual_seed(0)
    found = []
    for m, k, n in ((257, 130, 65), (1, 900, 700), (900, 700, 1), (64, 64, 64), (3, 5000, 10), (400, 3, 400)):
        f = taper.compile(lambda a, b, c: (F.relu(a @ b + c), a.sum()))
        found += f(taper.randn(m, k), taper.randn(k, n), taper.randn(n))
    f = taper.compile(lambda a, b: a.transpose(1, 2) @ b)
    return [*found, f(taper.randn(12, 40, 33), taper.randn(12, 40, 50))]


@pytest.mark.parametrize("program", [mlp_step, layer_norm_with_gradients, elementwise, softmax, products])
def test_the_same_bits_for_one_two_and_three_threads(program):
    results = []
    for count in (1, 2, 3):
        taper.set_num_threads(count)
        results.append([t.detach().numpy().copy() for t in program()])
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a, b)


def test_set_num_threads_is_for_programs_and_products():
    taper.set_num_threads(3)
    assert taper.get_num_threads() == team.threads() == 3
    team.set_threads(2)
    assert taper.get_num_threads() == 2
    with pytest.raises(RuntimeError, match="positive"):
        taper.set_num_threads(0)


@pytest.mark.parametrize(("given", "expected"), [("3", "3"), ("0", "1"), ("many", None), ("", None)])
def test_the_environment_says_how_many_and_importing_loads_no_compiler(given, expected):
    text = "import sys, taper; print(taper.get_num_threads(), 'llvmlite' in sys.modules)"
    environment = {**os.environ, "TAPER_NUM_THREADS": given}
    found = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=environment, check=True)
    assert found.stdout.split() == [expected or str(threads.available()), "False"]


def control_groups(folder, own: str, files: dict[str, str]) -> tuple[str, str]:
    root, mine = folder / "cgroup", folder / "own"
    mine.write_text(own)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root), str(mine)


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/a/b\n", {"a/cpu.max": "50000 100000\n", "a/b/cpu.max": "400000 100000\n"}, 0.5),
        ("0::/a/b\n", {"a/cpu.max": "max 100000\n", "a/b/cpu.max": "300000 100000\n"}, 3),
        ("0::/elsewhere\n", {"cpu.max": "200000 100000\n"}, 2),
        ("4:memory:/x\n3:cpu,cpuacct:/job\n", {"cpu/job/cpu.cfs_quota_us": "250000\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, 2.5),
        ("3:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ("0::/\n", {"cpu.max": "nonsense\n"}, 8),
        ("0::/\n", {"cpu.max": ""}, 8),
        ("", {}, 8),
    ],
)
def test_limits_of_control_groups(own, files, expected, tmp_path):
    assert threads.granted(8, *control_groups(tmp_path, own, files)) == expected


def test_available_is_rounded_up_and_at_least_one(monkeypatch):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    for share, expected in ((0.2, 1), (1.5, 2), (4, 4), (99, 6)):
        monkeypatch.setattr(threads, "granted", lambda otherwise, share=share: share)
        assert threads.available() == expected


def big():
    """A program long enough to be shared, and what it must give."""
    f = taper.compile(lambda a, b: (a @ b).tanh().sum(1))
    taper.manual_seed(0)
    a, b = taper.randn(256, 256), taper.randn(256, 256)
    return f, a, b, f(a, b).numpy().copy()


def test_an_idle_team_takes_no_time():
    taper.set_num_threads(2)
    f, a, b, _ = big()
    for _ in range(5):
        f(a, b)
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.4)
    assert time.process_time() - before < 0.04


def run_in_child(send) -> None:
    f, a, b, expected = big()
    taper.set_num_threads(2)
    send.send([bool((f(a, b).numpy() == expected).all()) for _ in range(5)])
    send.close()


@posix
def test_a_forked_child_has_a_team_of_its_own():
    taper.set_num_threads(2)
    f, a, b, expected = big()
    context = multiprocessing.get_context("fork")

    def known_program(send):
        send.send([bool((f(a, b).numpy() == expected).all()) for _ in range(5)])

    for child in (known_program, run_in_child):
        receive, send = context.Pipe(duplex=False)
        process = context.Process(target=child, args=(send,))
        process.start()
        assert (f(a, b).numpy() == expected).all()
        assert receive.poll(60), "the child hangs"
        assert receive.recv() == [True] * 5
        process.join(10)
        assert process.exitcode == 0


class Squares(taper.utils.data.Dataset):
    def __len__(self):
        return 24

    def __getitem__(self, i):
        return taper.full((64,), float(i)), i


@posix
def test_forked_data_loader_workers_beside_a_compiled_step():
    taper.set_num_threads(2)
    w = taper.randn(64, 300, requires_grad=True)
    optimizer = taper.optim.SGD([w], lr=1e-4)

    def step(x):
        optimizer.zero_grad()
        loss = (x @ w).tanh().pow(2).sum()
        loss.backward()
        optimizer.step()
        return loss

    compiled = taper.compile(step)
    seen = []
    for _ in range(2):
        loader = taper.utils.data.DataLoader(Squares(), batch_size=8, num_workers=2, multiprocessing_context="fork")
        for x, i in loader:
            compiled(x)
            seen += i.tolist()
    assert sorted(seen) == sorted(2 * list(range(24))) and compiled.compilations == 1


def test_threads_that_call_compiled_functions_at_once():
    """The same one and different ones, while one of them fails again and again."""
    taper.set_num_threads(2)
    f, a, b, expected = big()
    table = taper.randn(50, 200)
    g = taper.compile(lambda i: table[i].exp().sum(1))
    index = taper.arange(50)
    wanted = g(index).numpy().copy()
    problems: list = []

    def same():
        for _ in range(40):
            if not (f(a, b).numpy() == expected).all():
                problems.append("same")

    def different():
        for _ in range(40):
            if not (g(index).numpy() == wanted).all():
                problems.append("different")

    def failing():
        for _ in range(20):
            try:
                g(taper.full((50,), 50))
                problems.append("no error")
            except IndexError:
                pass

    def compiling():
        for n in range(4):
            h = taper.compile(lambda x, n=n: (x + n).cos().sum())
            if abs(h(a).item() - (a + n).cos().sum().item()) > 0.05:
                problems.append("compiling")

    workers = [threading.Thread(target=t) for t in (same, same, different, failing, compiling)]
    for w in workers:
        w.start()
    for w in workers:
        w.join(60)
    assert not any(w.is_alive() for w in workers) and not problems


INTERRUPTED = """
import os, signal, threading, time
import numpy as np
import taper

w = taper.ones(700, 700, requires_grad=True)
other = taper.ones(3, requires_grad=True)

def step(x):
    y = x
    for _ in range(60):
        y = (y @ w) * 0.001
    loss = y.sum() + other.sum()
    loss.backward()
    with taper.no_grad():
        for p in (w, other):
            p += 1
    w.grad = other.grad = None
    return loss

compiled = taper.compile(step)
x = taper.ones(700, 700)
compiled(x)
start = time.perf_counter()
compiled(x)
whole = time.perf_counter() - start
values = []
for part in (0.2, 0.5, 0.8):
    before = w.detach().numpy().copy()
    timer = threading.Timer(part * whole, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    start = time.perf_counter()
    try:
        compiled(x)
        time.sleep(5)
        values.append("not interrupted")
    except KeyboardInterrupt:
        values.append(time.perf_counter() - start < (part + 0.45) * whole + 0.2)
    timer.join()
    difference = w.detach().numpy() - before
    values.append(bool((difference == 0).all() or (difference == 1).all()))
    values.append(w.detach().numpy()[0, 0].item() == other.detach().numpy()[0].item())
    loss = compiled(x)
print(values)
"""


@posix
def test_ctrl_c_interrupts_a_long_program_and_leaves_parameters_whole():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == str([True] * 9), done.stdout + done.stderr


def test_a_signal_handler_runs_between_the_pieces_of_a_long_program():
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals are handled in the main thread")
    w = taper.ones(600, 600)

    def f(x):
        for _ in range(60):
            x = (x @ w) * 0.001
        return x

    compiled = taper.compile(f)
    x = taper.ones(600, 600)
    compiled(x)
    seen: list = []
    before = signal.signal(signal.SIGALRM, lambda *args: seen.append(time.perf_counter()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        compiled(x)
        end = time.perf_counter()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert seen and seen[0] < end
