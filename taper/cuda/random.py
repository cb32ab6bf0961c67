"""The generators of GPUs. Without a GPU, seeding does nothing, and the rest refuses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..backends.absent import idle
from ..backends.cuda import driver
from ..backends.device import device as _device
from ..tensor import random
from .devices import number_of, with_gpu


def _generator(device: Any):
    return random.generator_on(_device("cuda", number_of(device)))


@idle(driver.count)
def manual_seed(seed: int) -> None:
    """Start the current GPU's generator from a seed."""
    random.seed_devices(seed, driver.current())


@idle(driver.count)
def manual_seed_all(seed: int) -> None:
    """Start the generators of all GPUs from a seed."""
    random.seed_devices(seed)


@idle(driver.count)
def seed() -> None:
    """Start the current GPU's generator from a seed of the operating system's."""
    _generator(None).seed()


@idle(driver.count)
def seed_all() -> None:
    """Start the generators of all GPUs from one seed of the operating system's."""
    random.seed_devices(_generator(0).seed())


@with_gpu
def initial_seed() -> int:
    """The seed from which the current GPU's generator started."""
    return _generator(None).initial_seed()


@with_gpu
def get_rng_state(device: Any = "cuda"):
    """The state of a GPU's generator: 16 bytes, on the CPU."""
    return _generator(device).get_state()


@with_gpu
def set_rng_state(new_state, device: Any = "cuda") -> None:
    """Continue a GPU's generator from a state."""
    _generator(device).set_state(new_state)


def get_rng_state_all() -> list:
    """The states of all GPUs' generators."""
    return [get_rng_state(i) for i in range(driver.count())]


def set_rng_state_all(new_states: Iterable) -> None:
    """Continue all GPUs' generators. AssertionError for states without GPUs."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)
