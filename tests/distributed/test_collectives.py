"""Collectives of several processes, against PyTorch's gloo and against themselves."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from . import launching

pytestmark = launching.needs_mpi


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ours")
    ended = launching.launch(4, "collectives.py", folder)
    assert ended.status == 0, ended.text
    return launching.results(folder, 4)


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is the oracle")
def test_every_collective_is_pytorchs(ours, tmp_path):
    ended = launching.torchrun(4, "collectives.py", tmp_path)
    assert ended.status == 0, ended.text
    for rank, (a, b) in enumerate(zip(ours, launching.results(tmp_path, 4))):
        assert {k: v for k, v in a.items() if v != b[k]} == {}, rank
        assert a.keys() == b.keys()


def test_all_have_the_same_bits(tmp_path):
    """Whatever the size and the number of processes, a sum is the same number everywhere, and the right one."""
    ended = launching.launch(3, "sums.py", tmp_path)
    assert ended.status == 0, ended.text
    first, *others = launching.results(tmp_path, 3)
    assert others == [first, first] and len(first) > 8


def test_two(tmp_path):
    ended = launching.launch(2, "collectives.py", tmp_path)
    assert ended.status == 0, ended.text
    assert [r["scalar"] for r in launching.results(tmp_path, 2)] == [1.0, 1.0]
