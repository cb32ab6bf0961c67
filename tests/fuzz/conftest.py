"""How long fuzz tests run: the same short search each time, or, by hand, as long as wanted with other random numbers.

`pytest tests/fuzz --fuzz-minutes 60` searches each property for an hour; `--fuzz-seed` repeats what such a run did.
"""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import HealthCheck, given, seed, settings

SLOW_TO_MAKE = [
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
]


def pytest_addoption(parser):
    group = parser.getgroup("fuzz")
    group.addoption("--fuzz-minutes", type=float, default=0, help="search each property for so long, at random")
    group.addoption("--fuzz-seed", type=int, default=None, help="where the random search begins")


@pytest.fixture
def fuzz(request):
    """`fuzz(holds, strategy, examples)`: searches among what a strategy draws for something for which `holds` raises."""
    minutes = request.config.getoption("--fuzz-minutes", default=0)
    start = request.config.getoption("--fuzz-seed", default=None)

    def search(holds, strategy, examples: int) -> None:
        def looked(**options):
            return settings(
                max_examples=examples, deadline=None, database=None, suppress_health_check=SLOW_TO_MAKE, **options
            )(given(strategy)(lambda example: holds(example)))

        if not minutes:
            looked(derandomize=True)()
            return
        end, number = time.monotonic() + 60 * minutes, random.randrange(10**9) if start is None else start
        while time.monotonic() < end:
            print(f"--fuzz-seed {number}")
            seed(number)(looked())()
            number += 1

    return search
