"""`taper.explain` and the stages of a program: right about what is computed, readable, and without effects."""

from __future__ import annotations

import importlib
import inspect
import re
import warnings

import numpy as np
import pytest

import taper
from taper import nn

pytest.importorskip("llvmlite", reason="programs of machine code need llvmlite")

explain_module = importlib.import_module("taper.compiler.explain")


def network():
    """A step of training, its arguments, its model and its optimizer."""
    taper.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = taper.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, (taper.randn(8, 16), taper.randint(0, 10, (8,))), model, optimizer


@pytest.fixture(scope="module")
def explained():
    step, args, *_ = network()
    return taper.explain(step)(*args), step


def test_a_row_says_what_is_computed_and_how_much(explained):
    found, _ = explained
    first = found.rows[0]
    assert first.what == "matmul 8x16x32 + bias + relu"
    assert first.fused == ("matmul", "bias", "relu")
    assert first.flops == 2 * 8 * 16 * 32 + 2 * 8 * 32
    assert first.bytes == 4 * (8 * 16 + 32 * 16 + 32 + 8 * 32)
    assert first.limit in ("arithmetic", "memory")
    assert not first.host


def test_weight_updates_are_fused_into_products(explained):
    found, _ = explained
    update = next(r for r in found.rows if r.what.startswith("matmul 32x8x16"))
    # Momentum times the buffer, plus the gradient, times the rate, subtracted from the weight.
    assert update.fused == ("matmul", "multiply", "add", "multiply", "subtract")
    # The inputs, the weight and its momentum; the gradient, the weight and its momentum; two numbers of 8 bytes.
    assert update.bytes == 4 * (8 * 32 + 8 * 16 + 2 * 32 * 16 + 3 * 32 * 16) + 2 * 8


def test_rows_name_the_users_lines(explained):
    found, step = explained
    source, first = inspect.getsourcelines(step)
    at = {
        text: first + i
        for i, line in enumerate(source)
        for text in ("cross_entropy", "backward", "optimizer.step")
        if text in line
    }
    assert found.rows[0].lines == (f"{__file__}:{at['cross_entropy']}",)
    assert found.rows[-1].lines[-1] == f"{__file__}:{at['optimizer.step']}"
    assert {where for r in found.rows for where in r.lines} == {f"{__file__}:{n}" for n in at.values()}


def test_times_and_totals(explained):
    found, _ = explained
    assert all(r.seconds > 0 and r.share > 0 for r in found.rows)
    assert found.seconds > 0
    assert found.flops == sum(r.flops for r in found.rows) > 3 * 2 * 8 * 16 * 32
    assert found.bytes == sum(r.bytes for r in found.rows)
    assert found.operations == sum(len(r.fused) for r in found.rows) > len(found.rows)
    assert found.arena >= 8 * 32 * 4
    assert found.calls == 1
    assert found.hosts == []


def test_it_prints_as_a_table(explained):
    found, _ = explained
    lines = str(found).splitlines()
    assert repr(found) == str(found)
    assert lines[0].startswith("network.<locals>.step: ")
    assert lines[1].split() == ["kernel", "time", "flops", "bytes", "roofline", "lines"]
    for row, line in zip(found.rows, lines[2:]):
        assert line.split()[0] == str(row.number)
        assert row.what[:50] in line
        assert "test_explain.py:" in line
    assert "total" in lines[2 + len(found.rows)]
    assert "1 native call," in str(found) and "0 host nodes" in str(found)
    assert max(map(len, lines)) <= 140


def state(model, optimizer):
    found = {k: v.detach().numpy().copy() for k, v in model.state_dict().items()}
    for i, p in enumerate(model.parameters()):
        found[f"grad{i}"] = None if p.grad is None else p.grad.numpy().copy()
        found[f"momentum{i}"] = {k: np.array(v) for k, v in optimizer.state.get(p, {}).items()}
    return found, taper.get_rng_state().numpy().copy()


@pytest.mark.parametrize("steps", [0, 2], ids=["before the first step", "later"])
def test_nothing_changes(steps):
    step, args, model, optimizer = network()
    plain, plain_args, *_ = network()
    for _ in range(steps):
        assert step(*args).item() == plain(*plain_args).item()
    compiled = taper.compile(step)
    before, random = state(model, optimizer)
    taper.explain(compiled)(*args)
    after, random_after = state(model, optimizer)
    np.testing.assert_equal(after, before)
    np.testing.assert_array_equal(random_after, random)
    assert len(optimizer.state) == (4 if steps else 0)
    assert compiled.compilations == 0
    for _ in range(3):
        np.testing.assert_allclose(compiled(*args).item(), plain(*plain_args).item(), rtol=1e-5)


def test_random_numbers_are_drawn_from_copies():
    drop = taper.compile(lambda x: nn.functional.dropout(x, 0.5).sum())
    x = taper.ones(100)
    taper.manual_seed(3)
    expected = drop(x).item()
    taper.manual_seed(3)
    assert taper.explain(drop)(x).rows
    assert drop(x).item() == expected


def test_tensors_that_cannot_be_written():
    rows = taper.ones(3).expand(4, 3)
    found = taper.explain(lambda x, y: (x + y).sum())(taper.ones(4, 3), rows)
    assert found.rows and found.reason is None


def test_an_index_that_is_computed_is_valid_when_its_reader_is_measured():
    """Kernels are measured in the program's order: the arena holds what they read, and no other kernel's leavings."""

    def pick(x, i):
        hidden = taper.tanh(x @ x.T) @ x
        chosen = (i * 7) % 64
        return (hidden[chosen] @ hidden.T)[:, 0]

    found = taper.explain(pick)(taper.randn(64, 64), taper.arange(64))
    assert all(r.seconds > 0 for r in found.rows)


def test_what_the_interpreter_computes_is_said():
    found = taper.explain(lambda x: taper.sort(x * 2)[0] + 1)(taper.randn(20, 30))
    assert found.hosts
    assert all(r.share is None and r.what.startswith("host ") for r in found.hosts)
    assert found.calls == 2
    assert f"{len(found.hosts)} host node" in str(found)


def test_a_function_that_is_not_captured_says_why():
    found = taper.explain(lambda x: x[x > 0].sum())(taper.randn(10))
    assert found.rows == []
    assert "runs eagerly" in str(found) and "mask" in str(found)


@pytest.mark.parametrize("wrap", [lambda m: m, taper.compile], ids=["plain", "compiled"])
def test_a_module_has_a_forward_and_a_backward_program(wrap):
    taper.manual_seed(0)
    model = wrap(nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5)))
    found = taper.explain(model)(taper.randn(40, 20))
    assert [r.direction for r in found.rows] == sorted((r.direction for r in found.rows), reverse=True)
    assert found.rows[0].what == "matmul 40x20x30 + bias + relu"
    assert any(r.direction == "backward" and r.what == "matmul 30x40x20" for r in found.rows)
    assert "backward:" in str(found)
    assert found.calls == 2


def test_double_precision_is_held_against_its_own_peak():
    from taper.native.roofline import Roofline

    machine = Roofline(2, (100e9, 200e9), (50e9, 100e9), ((1e3, (100e9, 200e9)), (np.inf, (10e9, 15e9))))
    assert machine.seconds(1e9, 10, False, 1) == (1e9 / 100e9, "arithmetic")
    assert machine.seconds(1e9, 10, True, 2) == (1e9 / 100e9, "arithmetic")
    assert machine.seconds(1, 1500, False, 1) == (1500 / 10e9, "memory")
    assert machine.seconds(1, 1500, False, 2) == (1500 / 200e9, "memory")


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match=r"taper\.explain takes a function or a module, not int"):
        taper.explain(3)


def test_without_machine_code_it_says_so(monkeypatch):
    from taper.compiler import engine

    monkeypatch.setattr(engine, "native_available", lambda: False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = taper.explain(lambda x: x + 1)(taper.ones(3))
    assert "llvmlite is not installed" in str(found)


# Stages.


@pytest.fixture(scope="module")
def compiled():
    step, args, *_ = network()
    compiled = taper.compile(step)
    for _ in range(2):
        compiled(*args)
    return compiled


def test_stages_are_in_order_and_each_is_text(compiled):
    assert list(compiled.stages) == ["captured", "kernels", "llvm", "optimised", "assembly", "call"]
    assert len(compiled.stages) == 6
    for name, text in compiled.stages.items():
        assert isinstance(text, str) and len(text.splitlines()) > 5, name
        assert all(c.isprintable() or c in "\n\t" for c in text), name


def test_the_captured_graph_names_tensors_and_lines(compiled):
    text = compiled.stages["captured"]
    for name in ("argument 0", "model.0.weight", "optimizer.state[model.2.bias]['momentum_buffer']", "number lr"):
        assert name in text
    assert f"# {__file__}:" in text
    assert text.splitlines()[-1].startswith("return %")


def test_the_kernels_say_what_they_read_and_store(compiled):
    text = compiled.stages["kernels"].splitlines()
    assert text[0] == "kernel 1: matmul 8x16x32 + bias + relu"
    assert text[1] == "  over    1 x 8 x 32"
    assert "argument 0" in text[2] and "model.0.weight" in text[2] and "model.0.bias" in text[2]
    assert any(line.startswith("  stores") and "over" in line and "model.0.weight" in line for line in text)


def test_the_code_is_llvms(compiled):
    import llvmlite.binding as llvm

    stages = compiled.stages
    kernels = stages["kernels"].count("kernel ")
    for name in ("llvm", "optimised"):
        modules = [m for m in stages[name].split("\n\n; kernel")]
        assert len(modules) >= kernels
        llvm.parse_assembly(modules[0])
        assert "define void @kernel1(" in stages[name]
    assert "kernel1:" in stages["assembly"]
    compile(stages["call"], "call", "exec")


def test_stages_are_written_when_asked_for_and_once(compiled, monkeypatch):
    stages_module = importlib.import_module("taper.compiler.stages")
    step, args, *_ = network()
    new = taper.compile(step)
    new(*args)
    new(*args)
    written = []
    monkeypatch.setattr(stages_module, "scheduled", lambda *a: written.append(a) or "text")
    stages = new.stages
    assert written == []
    assert stages["kernels"] == stages["kernels"] == new.stages["kernels"] == "text"
    assert len(written) == 1


def test_a_program_from_the_cache_has_the_same_stages(compiled):
    step, args, *_ = network()
    again = taper.compile(step)
    for _ in range(2):
        again(*args)
    assert [r.what for r in taper.explain(again)(*args).rows] == re.findall(
        r"^kernel \d+: (.*)$", again.stages["kernels"], re.MULTILINE
    )
    for name in ("captured", "kernels", "llvm", "assembly"):
        assert again.stages[name] == compiled.stages[name], name


def test_stages_of_a_module_have_the_backward_program_too():
    model = taper.compile(nn.Linear(4, 3))
    model(taper.randn(2, 4)).sum().backward()
    assert list(model.stages)[5:7] == ["backward captured", "backward kernels"]
    assert "gradient of result 0" in model.stages["backward captured"]


def test_a_function_without_program_has_no_stages():
    compiled = taper.compile(lambda x: x + 1)
    with pytest.raises(RuntimeError, match="has no program: call it first"):
        compiled.stages  # noqa: B018
    eager = taper.compile(lambda x: x[x > 0])
    with pytest.warns(UserWarning, match="runs eagerly"):
        eager(taper.ones(3))
    with pytest.raises(RuntimeError, match="has no program: .*mask"):
        eager.stages  # noqa: B018


# What capture sees of the compiled function itself.

optimizer = None


def test_a_step_that_is_a_global_variable_is_compiled_once():
    """Its own code mentions `step`, as the optimizer's method: capture must not take the programs for its state."""
    global optimizer, step
    weight = taper.ones(3, requires_grad=True)
    optimizer = taper.optim.SGD([weight], lr=0.1)

    def step(x):
        loss = (weight * x).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step = taper.compile(step, fullgraph=True)
    losses = [step(taper.ones(3)).item() for _ in range(4)]
    assert step.compilations <= 2
    np.testing.assert_allclose(losses, [3.0, 2.7, 2.4, 2.1], rtol=1e-6)


def test_stages_for_a_gpu_need_none(compiled):
    found = compiled.stages_for("sm_80")
    assert list(found) == ["captured", "kernels", "llvm", "optimised", "ptx"]
    assert "blocks of 256 threads" in found["kernels"] and "cuBLAS, float32 into float32" in found["kernels"]
    assert ".target sm_80" in found["ptx"] and ".visible .entry kernel" in found["ptx"]
    assert "// kernel2: cuBLASLt, float32 into float32" in found["ptx"] and "ptx_kernel" in found["llvm"]
    with pytest.raises(ValueError, match="unknown GPU architecture 'sm_1'"):
        compiled.stages_for("sm_1")
    with pytest.raises(RuntimeError, match="has no program: call it first"):
        taper.compile(lambda x: x + 1).stages_for("sm_80")


def test_stages_for_a_gpu_of_a_backward_program():
    model = taper.compile(nn.Linear(4, 3))
    model(taper.ones(2, 4)).sum().backward()
    compiled = taper.compile(lambda x, w: (x * w).tanh())
    x, w = taper.ones(3, 4), taper.ones(4, requires_grad=True)
    compiled(x, w).sum().backward()
    found = compiled.stages_for("sm_90")
    assert [n for n in found if n.startswith("backward ")][-1] == "backward ptx"
    assert ".entry" in found["backward ptx"]
