"""A plugin of pytest's that runs one of several equal shares of the tests: `pytest -p benchmarks.share --share 3/12`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser) -> None:
    parser.addoption("--share", default="0/1", help="number of the share, from 0, and of how many")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items) -> None:
    number, count = map(int, config.getoption("--share").split("/"))
    print(f"share of {len(items[number::count])} tests", flush=True)
    items[:] = items[number::count]
