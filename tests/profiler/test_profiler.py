"""Profiles: what ran, how often, for how long; schedules; traces."""

from __future__ import annotations

import gzip
import json

import pytest

import taper
from taper.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule


def work():
    x = taper.randn(8, 8, requires_grad=True)
    with record_function("mine"):
        y = (x @ x).relu().sum()
    y.backward()


def by_name(prof):
    return {e.key: e for e in prof.key_averages()}


def test_operators_forward_and_backward_are_counted():
    with profile(activities=[ProfilerActivity.CPU]) as prof:
        for _ in range(3):
            work()
    found = by_name(prof)
    assert {name: found[name].count for name in ("mine", "aten::mm", "aten::relu", "MmBackward0")} == {
        "mine": 3,
        "aten::mm": 3,
        "aten::relu": 3,
        "MmBackward0": 3,
    }
    mine, mm = found["mine"], found["aten::mm"]
    assert mine.cpu_time_total > mm.cpu_time_total > 0
    assert mine.self_cpu_time_total < mine.cpu_time_total
    assert sum(e.self_cpu_time_total for e in prof.events()) == pytest.approx(
        sum(e.cpu_time_total for e in prof.events() if e.cpu_parent is None)
    )


def test_nothing_is_recorded_outside():
    with profile() as prof:
        taper.ones(2) + 1
    count = len(prof.events())
    taper.ones(2) + 1
    assert len(prof.events()) == count == 1


def test_table_shapes_flops_and_memory():
    with profile(record_shapes=True, with_flops=True, profile_memory=True) as prof:
        taper.ones(4, 8) @ taper.ones(8, 16)
    (e,) = prof.events()
    assert (e.name, e.input_shapes, e.flops, e.cpu_memory_usage) == ("aten::mm", [[4, 8], [8, 16]], 1024, 256)
    table = prof.key_averages(group_by_input_shape=True).table(sort_by="self_cpu_time_total", row_limit=5)
    for words in ("Self CPU %", "CPU total", "# of Calls", "[[4, 8], [8, 16]]", "Total FLOPs", "aten::mm", "256 B"):
        assert words in table


def test_the_order_and_number_of_rows():
    with profile() as prof:
        work()
    averages = prof.key_averages()
    rows = averages.table(sort_by="count", row_limit=2).splitlines()
    assert len(rows) == 7
    times = [e.cpu_time_total for e in sorted(averages, key=lambda e: -e.cpu_time_total)]
    names = [e.key for e in sorted(averages, key=lambda e: -e.cpu_time_total)]
    shown = [r.split()[0] for r in averages.table(sort_by="cpu_time_total").splitlines()[3:-2]]
    assert shown == names and times == sorted(times, reverse=True)


@pytest.mark.parametrize("ending", ["json", "json.gz"])
def test_trace(tmp_path, ending):
    with profile() as prof:
        work()
    path = tmp_path / f"trace.{ending}"
    prof.export_chrome_trace(str(path))
    text = gzip.open(path, "rt").read() if ending.endswith("gz") else path.read_text()
    events = [e for e in json.loads(text)["traceEvents"] if e["ph"] == "X"]
    assert {"mine", "aten::mm", "SumBackward0"} <= {e["name"] for e in events}
    mine = next(e for e in events if e["name"] == "mine")
    mm = next(e for e in events if e["name"] == "aten::mm")
    assert mine["ts"] <= mm["ts"] and mm["ts"] + mm["dur"] <= mine["ts"] + mine["dur"]


def test_schedule_is_pytorchs():
    torch = pytest.importorskip("torch")
    for options in (
        dict(wait=1, warmup=1, active=2, repeat=2, skip_first=1),
        dict(wait=0, warmup=1, active=1),
        dict(wait=2, warmup=1, active=3, repeat=1),
    ):
        found, expected = schedule(**options), torch.profiler.schedule(**options)
        assert [found(i).name for i in range(20)] == [expected(i).name for i in range(20)]
    with pytest.warns(UserWarning, match="warmup"):
        schedule(wait=0, warmup=0, active=1)
    with pytest.raises(AssertionError):
        schedule(wait=0, warmup=1, active=0)


def test_cycles_are_handed_on(tmp_path):
    ready = []

    def show(prof):
        ready.append((prof.step_num, [e.name for e in prof.events() if e.name.startswith("Prof")]))

    with profile(schedule=schedule(wait=1, warmup=1, active=2), on_trace_ready=show) as prof:
        for _ in range(9):
            taper.ones(2).add(1)
            prof.step()
    assert ready == [(4, ["ProfilerStep#2", "ProfilerStep#3"]), (8, ["ProfilerStep#6", "ProfilerStep#7"])]
    assert prof.schedule(2) is ProfilerAction.RECORD
    handler = taper.profiler.tensorboard_trace_handler(str(tmp_path / "log"))
    with profile(on_trace_ready=handler):
        taper.ones(2).add(1)
    assert len(list((tmp_path / "log").glob("*.pt.trace.json"))) == 1


def test_the_older_profile_and_the_decorator():
    @record_function("twice")
    def twice(x):
        return x + x

    with taper.autograd.profiler.profile(record_shapes=True) as prof:
        twice(taper.ones(3))
    assert [e.name for e in prof.function_events] == ["twice", "aten::add"]
    assert "aten::add" in prof.table() and prof.key_averages()[0].key == "twice"
    with taper.autograd.profiler.profile(enabled=False) as prof:
        twice(taper.ones(3))
    with pytest.raises(RuntimeError, match="finish"):
        prof.key_averages()
