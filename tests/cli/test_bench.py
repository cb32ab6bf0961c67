"""`taper bench`: what it prints, and what it refuses. Its numbers are looked at, not tested."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from taper.cli import bench
from taper.cli.errors import UserError
from taper.compiler.engine import native_available

native = pytest.mark.skipif(not native_available(), reason="needs llvmlite")


@native
def test_a_line_for_each_network():
    result = CliRunner().invoke(bench.bench, ["LeNet inference", "--seconds", "0.01"])
    assert result.exit_code == 0, result.output
    threads, header, *lines = result.output.splitlines()
    assert threads.startswith("float32, ") and "GFLOP/s" in header
    (line,) = lines
    assert line.startswith("lenet inference, 1") and line.endswith("%") and " ms" in line


def test_unknown_network():
    result = CliRunner().invoke(bench.bench, ["alexnot"], standalone_mode=False)
    assert isinstance(result.exception, UserError) and "lenet training" in str(result.exception)


@pytest.mark.parametrize(
    ("share", "drawn"),
    [(0.0, "·" * 20), (0.5, "█" * 10 + "·" * 10), (1.0, "█" * 20), (1.7, "█" * 20), (0.03, "▋" + "·" * 19)],
)
def test_bar(share, drawn):
    assert bench.bar(share) == drawn


def test_work_is_that_of_the_network():
    """Two operations for each product of a weight and a position, and few for all else."""
    case = bench.CASES["lenet inference, 1"]
    products = 28 * 28 * 6 * 25 + 100 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10
    if native_available():
        found = bench.measure(case, 0.01)
        assert 2 * products <= found.flops <= 2.2 * products
        assert found.share == found.flops / found.compiled / found.peak
