"""The machine's limits: measured once, kept, measured again where what was kept is damaged."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("llvmlite", reason="measured by machine code")

from taper.native import cache, roofline

SAMPLE = roofline.Roofline(
    2, (1e11, 2e11), (5e10, 1e11), ((32768.0, (1e11, 2e11)), (1e6, (5e10, 1e11)), (float("inf"), (1e10, 1e10)))
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty cache, and a measurement that is counted but not made."""
    monkeypatch.setattr(cache, "folder", lambda: tmp_path)
    made = []
    monkeypatch.setattr(roofline, "measured", lambda threads: made.append(threads) or SAMPLE)
    roofline.roofline.cache_clear()
    yield tmp_path, made
    roofline.roofline.cache_clear()


def look(threads=2):
    roofline.roofline.cache_clear()
    return roofline.roofline(threads)


def test_it_is_measured_once_for_a_number_of_threads(place):
    _, made = place
    assert look() == look() == SAMPLE
    assert made == [2]
    look(1)
    assert made == [2, 1]


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:30], lambda data: data[:-1] + b"?", lambda data: b"\0" * len(data)]
)
def test_a_damaged_file_is_measured_again(place, damage):
    folder, made = place
    look()
    (file,) = folder.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert look() == SAMPLE
    assert made == [2, 2]
    assert look() == SAMPLE
    assert made == [2, 2]


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "not JSON",
        '{"threads": 2}',
        json.dumps({"threads": 3, "float32": [1, 1], "float64": [1, 1], "memory": [[1e999, [1, 1]]]}),
        json.dumps({"threads": 2, "float32": [0, 1], "float64": [1, 1], "memory": [[1e999, [1, 1]]]}),
        json.dumps({"threads": 2, "float32": [1, 1], "float64": [1, 1], "memory": []}),
        json.dumps({"threads": 2, "float32": [1, 1], "float64": [1, 1], "memory": [[5, [1, 1]]]}),
    ],
)
def test_what_is_no_roofline_is_not_believed(content):
    assert roofline.read(content.encode(), 2) is None


def test_another_measurement_keeps_the_larger_numbers(place, monkeypatch):
    look()
    faster = roofline.Roofline(2, (2e11, 1e11), SAMPLE.float64, SAMPLE.memory)
    monkeypatch.setattr(roofline, "measured", lambda threads: faster)
    assert roofline.again(2).float32 == (2e11, 2e11)
    assert look().float32 == (2e11, 2e11)


def test_a_measurement_is_plausible():
    found = roofline.measured(1)
    assert found.threads == 1
    assert 1e9 < found.float64[0] < found.float32[0] < 1e13
    assert [size for size, _ in found.memory] == sorted(size for size, _ in found.memory)
    assert all(1e8 < one <= several < 1e14 for _, (one, several) in found.memory)
