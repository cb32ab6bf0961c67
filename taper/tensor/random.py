"""Random numbers: generators, factories, in-place fills. On the CPU the numbers are PyTorch's, bit for bit.

The default generator starts from `manual_seed`, or from a seed of the operating system's if there was none.
"""

from __future__ import annotations

import contextlib
import secrets

import numpy as np

from .. import dtypes
from ..autograd.dispatch import apply
from ..autograd.inplace import check_writable, legacy_name
from ..autograd.modes import is_grad_enabled
from ..autograd.outputs import MATCHING, into
from ..autograd.recording import node_of
from ..autograd.tape import Variable, changed, wrap
from ..backends import namespace_of
from ..backends.cuda import driver
from ..backends.device import CPU
from ..backends.device import device as Device
from ..backends.streams import MT19937Stream
from ..backends.transfer import place_of
from ..errors import mismatch
from ..ops import random as ops
from .creation import empty_like
from .factory import check_layout, element_type, leaf, place, sequence_of, size_of

__all__ = [
    "Generator",
    "default_generator",
    "manual_seed",
    "seed",
    "initial_seed",
    "get_rng_state",
    "set_rng_state",
    "rand",
    "randn",
    "rand_like",
    "randn_like",
    "randint",
    "randint_like",
    "randperm",
    "normal",
    "bernoulli",
    "multinomial",
    "poisson",
    "binomial",
]


class Generator(metaclass=dtypes.Titled):
    """A stream of random numbers; functions that draw take it as `generator=`. A new one is seeded as PyTorch's is."""

    __slots__ = ("stream", "device", "__weakref__")
    _title = "torch._C.Generator"

    def __init__(self, device="cpu"):
        self.device = place(device)
        first = 67280421310721
        self.stream = MT19937Stream(first) if self.device is CPU else driver.stream(first, self.device)

    def manual_seed(self, seed: int):
        """Start again from `seed`, any integer in [-2**63, 2**64). Returns the generator."""
        self.stream.seed(_seed_of(seed))
        return self

    def seed(self) -> int:
        """Start again from a seed of the operating system's, which is returned."""
        value = secrets.randbits(64)
        self.manual_seed(value)
        return value

    def initial_seed(self) -> int:
        """The seed from which this generator started."""
        return self.stream.initial_seed

    def get_state(self):
        """The state as a tensor of bytes, laid out as PyTorch's."""
        return wrap(np.frombuffer(bytearray(self.stream.get_state()), np.uint8))

    def set_state(self, new_state) -> None:
        """Continue from a state that `get_state` gave. TypeError for what is no byte tensor, RuntimeError for a wrong one."""
        if not isinstance(new_state, Variable) or new_state._array.dtype != np.uint8:
            raise TypeError("expected a torch.ByteTensor, but got " + type(new_state).__name__)
        self.stream.set_state(np.ascontiguousarray(new_state._array))

    def clone_state(self):
        """A generator that will give the same numbers."""
        twin = Generator(self.device)
        twin.stream = self.stream.copy()
        return twin

    def __reduce__(self):
        return _generator_of, (self.stream.get_state(), self.device)


def _generator_of(state, device=CPU) -> Generator:
    made = Generator(device)
    made.stream.set_state(state)
    return made


def _seed_of(seed) -> int:
    value = int(seed)
    if not -(2**63) <= value < 2**64:
        raise ValueError(f"Overflow when unpacking long long: seed {value} is outside [-2**63, 2**64)")
    return value % 2**64


default_generator = Generator()
default_generator.seed()
# A child process that inherits the generator continues the parent's stream, as in PyTorch.


def manual_seed(seed: int) -> Generator:
    """Start the default generators, of GPUs too, from `seed`, any integer in [-2**63, 2**64); returns the CPU's."""
    seed_devices(seed)
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default generator from a seed of the operating system's, which is returned."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed from which the default generator started."""
    return default_generator.initial_seed()


def get_rng_state():
    """The default generator's state, a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state) -> None:
    """Continue the default generator from a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled: bool = True, device_type: str = "cpu"):
    """A block after which the default generator continues as if the block had not drawn."""
    before = default_generator.stream.get_state() if enabled else None
    there = [g for i, g in _on_devices.items() if devices is None or i in [Device(d).index for d in devices]]
    states = [g.stream.get_state() for g in there] if enabled else []
    try:
        yield
    finally:
        if enabled:
            default_generator.stream.set_state(before)
            for g, state in zip(there, states):
                g.stream.set_state(state)


def all_states() -> list[tuple[Generator, object]]:
    """The default generators of all devices that are in use, with their states: what `restore` takes."""
    if driver.in_use():
        generator_on(Device("cuda", driver.current()))
    return [(g, g.get_state()) for g in (default_generator, *_on_devices.values())]


def restore(states: list[tuple[Generator, object]]) -> None:
    """Let generators continue from states."""
    for generator, state in states:
        generator.set_state(state)


def stream_of(generator: Generator | None, where: Device = CPU) -> MT19937Stream:
    """The stream to draw numbers on a device from: a generator's, or the default one's. RuntimeError for another kind."""
    if generator is None:
        return default_generator.stream if where is CPU else generator_on(where).stream
    if generator.device.type != where.type:
        raise RuntimeError(f"Expected a '{where.type}' device type for generator but found '{generator.device.type}'")
    return generator.stream


_on_devices: dict[int, Generator] = {}
"""The default generators of GPUs."""

_seeds: dict[int | None, int] = {}
"""From which seeds the generators of GPUs shall start that there are not yet; None: all."""


def generator_on(where: Device) -> Generator:
    """The default generator of a GPU."""
    found = _on_devices.get(where.index)
    if found is None:
        found = _on_devices[where.index] = Generator(where)
        seed = _seeds.get(where.index, _seeds.get(None))
        found.manual_seed(secrets.randbits(64) if seed is None else seed)
    return found


def seed_devices(seed: int, index: int | None = None) -> None:
    """Start the generator of one GPU, or of all, from a seed: those that there are, and those that there will be."""
    if index is None:
        _seeds.clear()
    _seeds[index] = _seed_of(seed)
    for number, generator in _on_devices.items():
        if index in (None, number):
            generator.manual_seed(seed)


def _options(name: str, draw):
    """A factory of random numbers of a shape."""

    def factory(
        *size,
        generator=None,
        names=None,
        out=None,
        dtype=None,
        layout=None,
        device=None,
        requires_grad=False,
        pin_memory=False,
        **also,
    ):
        if also:
            if set(also) != {"size"} or size:
                raise TypeError(
                    f"{name}() got an unexpected keyword argument '{min(set(also) - {'size'}, default='size')}'"
                )
            size = (also["size"],)
        elif not size:
            raise TypeError(f"{name}() received an invalid combination of arguments - got (): it takes a size")
        check_layout(layout, name)
        where = place(device) if out is None else place_of(out._array)
        np_dtype = element_type(dtype, name, None if out is None else out._array.dtype)
        _check_real(name, np_dtype)
        array = draw(stream_of(generator, where), size_of(size, name), np_dtype)
        return leaf(array, requires_grad) if out is None else into(out, wrap(array), MATCHING, warns=False)

    factory.__name__ = factory.__qualname__ = name
    return factory


def _check_real(name: str, np_dtype: np.dtype) -> None:
    if np_dtype.kind in "biu":
        word = {"rand": "check_uniform_bounds", "randn": "normal_kernel_cpu"}.get(name, name)
        raise NotImplementedError(
            f"\"{word}\" not implemented for '{dtypes.from_numpy(np_dtype).name}'. Use a floating dtype, or randint."
        )


def _uniform(stream, shape, np_dtype):
    return stream.uniform(shape, dtype=np_dtype)


def _standard_normal(stream, shape, np_dtype):
    return stream.normal(shape, dtype=np_dtype)


rand = _options("rand", _uniform)
rand.__doc__ = "Uniform random numbers in [0, 1) of the shape `size`."
randn = _options("randn", _standard_normal)
randn.__doc__ = "Random numbers of the standard normal distribution, of the shape `size`."


def _serial_normal(stream, shape, np_dtype):
    return stream.normal_serial(shape, 0.0, 1.0, np_dtype)


def _like(name: str, draw, out_of_order):
    """A factory of random numbers of another tensor's shape and dtype; `out_of_order` draws those not in C order."""

    def factory(
        input,
        *,
        generator=None,
        dtype=None,
        layout=None,
        device=None,
        requires_grad=False,
        pin_memory=False,
        memory_format=None,
    ):
        check_layout(layout, name)
        where = place_of(input._array) if device is None else place(device)
        np_dtype = element_type(dtype, name, input._array.dtype)
        _check_real(name.removesuffix("_like"), np_dtype)
        stream = stream_of(generator, where)
        ordered = empty_like(input, memory_format=memory_format) if memory_format is not None else input
        kind = draw if ordered._array.flags.c_contiguous else out_of_order
        return leaf(_in_memory_order(ordered, lambda shape: kind(stream, shape, np_dtype)), requires_grad)

    factory.__name__ = factory.__qualname__ = name
    return factory


rand_like = _like("rand_like", _uniform, _uniform)
rand_like.__doc__ = "Uniform random numbers in [0, 1) of the shape and dtype of `input`."
randn_like = _like("randn_like", _standard_normal, _serial_normal)
randn_like.__doc__ = "Standard normal random numbers of the shape and dtype of `input`."


def randint(
    *bounds,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    **named,
):
    """Random integers in [low, high): `randint(high, size)` or `randint(low, high, size)`. int64 unless dtype is given."""
    where = place(device)
    names = ("high", "size") if len(bounds) + len(named) <= 2 and "low" not in named else ("low", "high", "size")
    free = [n for n in names if n not in named]
    values = {"low": 0, **dict(zip(free, bounds)), **named}
    if set(values) != {"low", "high", "size"} or len(bounds) > len(free):
        raise TypeError("randint() takes (high, size) or (low, high, size)")
    np_dtype = element_type(dtype, "randint", dtypes.int64.np if out is None else out._array.dtype)
    _check_bounds_type(np_dtype)
    low, high = (int(v.item()) if isinstance(v, Variable) else v for v in (values["low"], values["high"]))
    where = where if out is None else place_of(out._array)
    array = stream_of(generator, where).integers(sequence_of(values["size"], "randint"), low, high, np_dtype)
    return leaf(array, requires_grad) if out is None else into(out, wrap(array), MATCHING, warns=False)


def _check_bounds_type(np_dtype: np.dtype) -> None:
    if np_dtype.kind == "c":
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")


def randint_like(
    input,
    *bounds,
    low=0,
    high=None,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """Random integers in [low, high) of the shape and dtype of `input`: `randint_like(input, high)` or `(input, low, high)`."""
    where = place_of(input._array) if device is None else place(device)
    check_layout(layout, "randint_like")
    if len(bounds) == 2:
        low, high = bounds
    elif len(bounds) == 1:
        low, high = (low, bounds[0]) if high is None else (bounds[0], high)
    if high is None or len(bounds) > 2:
        raise TypeError("randint_like() takes (input, high) or (input, low, high)")
    np_dtype = element_type(dtype, "randint_like", input._array.dtype)
    _check_bounds_type(np_dtype)
    stream = stream_of(generator, where)
    ordered = empty_like(input, memory_format=memory_format) if memory_format is not None else input
    return leaf(_in_memory_order(ordered, lambda shape: stream.integers(shape, low, high, np_dtype)), requires_grad)


def randperm(
    n: int,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """The integers 0 ... n-1 in random order (Fisher-Yates), int64 unless dtype is given."""
    where = place(device)
    np_dtype = element_type(dtype, "randperm", dtypes.int64.np if out is None else out._array.dtype)
    where = where if out is None else place_of(out._array)
    array = stream_of(generator, where).permutation(n, np_dtype)
    return leaf(array, requires_grad) if out is None else into(out, wrap(array), MATCHING, warns=False)


def normal(
    mean,
    std=1.0,
    size=None,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Normal random numbers: one for each element of the tensors `mean` and `std`, or of a shape `size` for two numbers."""
    where = place(device)
    for t in (out, std, mean):
        if isinstance(t, Variable):
            where = place_of(t._array)
    stream = stream_of(generator, where)
    if isinstance(mean, Variable) or isinstance(std, Variable):
        if out is not None and out._array.dtype.kind not in "fVc":
            raise NotImplementedError(f"\"normal_kernel_cpu\" not implemented for '{legacy_name(out._array.dtype)}'")
        array = _normal_each(stream, mean, std)
        if out is not None:
            return into(out, wrap(array))
        if out is None and not requires_grad:
            given = [t if isinstance(t, Variable) else None for t in (mean, std)]
            which = (given[0] is not None) + 2 * (given[1] is not None)
            operator = (ops.normal_by_mean, ops.normal_by_deviation, ops.normal_by_both)[which - 1]
            return apply(operator, *given, values=array)
    else:
        if size is None:
            raise TypeError(
                "normal() received an invalid combination of arguments: two numbers need size=, as in "
                "normal(0.0, 1.0, size=(4,))"
            )
        _check_std(std)
        np_dtype = element_type(dtype, "normal", None if out is None else out._array.dtype)
        array = stream.normal(size_of((size,), "normal"), float(mean), float(std), np_dtype)
    return leaf(array, requires_grad) if out is None else into(out, wrap(array), MATCHING, warns=False)


def _check_std(std) -> None:
    least = std if not hasattr(std, "dtype") or not std.ndim else std.min() if std.size else 0
    if least < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {least}")


def _normal_each(stream, mean, std) -> np.ndarray:
    """Means and deviations per element."""
    m = mean._array if isinstance(mean, Variable) else mean
    s = std._array if isinstance(std, Variable) else std
    if isinstance(std, Variable):
        if s.dtype.kind == "c":
            raise RuntimeError("normal expects standard deviation to be non-complex")
        if s.size:
            _check_std(s)
        shape = _broadcast(m.shape, s.shape) if isinstance(mean, Variable) else s.shape
        np_dtype = m.dtype if isinstance(mean, Variable) else s.dtype
        drawn = stream.normal(shape, 0.0, 1.0, np_dtype)
        return (drawn * s + m).astype(np_dtype)
    _check_std(s)
    return (stream.normal(m.shape, 0.0, float(s), m.dtype) + m).astype(m.dtype)


def _broadcast(a: tuple, b: tuple) -> tuple:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise mismatch("normal", "The size of tensor a must match the size of tensor b", mean=a, std=b) from None


def bernoulli(input, p=None, *, generator=None, out=None):
    """0 or 1 for each element of `input`, which is the probability of 1 (or `p` for all). RuntimeError outside [0, 1]."""
    array = input._array
    stream = stream_of(generator, place_of(array))
    if p is not None:
        made = _bernoulli(stream, array.shape, p, array.dtype)
    else:
        if array.dtype.kind in "biu":
            raise NotImplementedError(
                f"\"bernoulli_tensor_cpu_p_\" not implemented for '{dtypes.from_numpy(array.dtype).name}'"
            )
        if array.dtype.kind == "c":
            raise NotImplementedError(
                f"\"bernoulli_tensor_cpu_self_\" not implemented for '{dtypes.from_numpy(array.dtype).name}'"
            )
        made = stream.bernoulli_each(array, array.dtype)
        if out is None:
            return apply(ops.bernoulli, input, None, values=made)
    return wrap(made) if out is None else into(out, wrap(made).to(out.dtype), warns=False)


def _bernoulli(stream, shape, p, np_dtype) -> np.ndarray:
    if isinstance(p, Variable):
        return stream.bernoulli_each(namespace_of(p._array).broadcast_to(p._array, shape), np_dtype)
    return stream.bernoulli(shape, float(p), np_dtype)


def multinomial(input, num_samples: int, replacement: bool = False, *, generator=None, out=None):
    """`num_samples` indices drawn from each row of weights, int64. RuntimeError for weights that are no distribution."""
    if out is not None and out._array.dtype != np.int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {out.dtype}")
    if input._array.shape and input._array.shape[-1] > 1 << 24:
        raise RuntimeError(f"number of categories cannot exceed 2^24, but there are {input._array.shape[-1]}")
    made = stream_of(generator, place_of(input._array)).multinomial(input._array, num_samples, replacement)
    return wrap(made) if out is None else into(out, wrap(made), warns=False)


def poisson(input, generator=None):
    """A Poisson number for each element of `input`, its rate, in the same dtype."""
    array = input._array
    drawn = stream_of(generator, place_of(array)).poisson(array)
    return apply(ops.poisson, input, None, values=namespace_of(array).asarray(drawn))


def binomial(count, prob, generator=None):
    """The number of successes among `count` trials of probability `prob`, element by element."""
    drawn = stream_of(generator, place_of(count._array)).binomial(count._array, prob._array)
    return wrap(namespace_of(count._array).asarray(drawn))


def _fill(t: Variable, array: np.ndarray):
    """Write random numbers over a tensor; its former history ends here, with a gradient of zero."""
    if is_grad_enabled() and node_of(t) is not None:
        return t.copy_(wrap(array))
    check_writable(t)
    t._array[...] = array
    changed(t)
    return t


def _in_memory_order(t: Variable, draw) -> np.ndarray:
    """Numbers for a tensor's elements, drawn in the order in which they lie in memory. draw(shape) makes them."""
    array = t._array
    if array.flags.c_contiguous:
        return draw(array.shape)
    axes = sorted(range(array.ndim), key=lambda i: -abs(array.strides[i]))
    drawn = draw(tuple(array.shape[i] for i in axes))
    return drawn.transpose([axes.index(i) for i in range(array.ndim)])


def normal_(self, mean=0, std=1, *, generator=None):
    """Fill with normal random numbers; returns the tensor."""
    _check_std(std)
    array = self._array
    stream = stream_of(generator, place_of(array))
    _check_real("randn", array.dtype)
    if array.flags.c_contiguous:
        return _fill(self, stream.normal(array.shape, float(mean), float(std), array.dtype))
    draw = lambda shape: stream.normal_serial(shape, float(mean), float(std), array.dtype)
    return _fill(self, _in_memory_order(self, draw))


def uniform_(self, a=0, b=1, *, generator=None, **named):
    """Fill with uniform random numbers in [a, b); returns the tensor."""
    a, b = named.pop("from", a), named.pop("to", b)
    stream, np_dtype = stream_of(generator, place_of(self._array)), self._array.dtype
    _check_real("rand", np_dtype)
    return _fill(self, _in_memory_order(self, lambda shape: stream.uniform(shape, float(a), float(b), np_dtype)))


def random_(self, *bounds, generator=None, **named):
    """Fill with random integers: of the whole range of the dtype, of [0, to), or of [from, to); returns the tensor."""
    stream, np_dtype = stream_of(generator, place_of(self._array)), self._array.dtype
    low, high = named.get("from", 0), named.get("to")
    if len(bounds) == 1:
        low, high = (0, bounds[0]) if high is None else (bounds[0], high)
    elif len(bounds) == 2:
        low, high = bounds
    if high is None:
        if "from" in named or bounds[1:] == (None,):
            return _fill(self, _in_memory_order(self, lambda shape: stream.integers_from(shape, low, np_dtype)))
        return _fill(self, _in_memory_order(self, lambda shape: stream.integers_all(shape, np_dtype)))
    return _fill(self, _in_memory_order(self, lambda shape: stream.integers(shape, low, high, np_dtype)))


def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with 0 and 1, 1 with probability `p` (a number, or a tensor); returns the tensor."""
    stream, np_dtype = stream_of(generator, place_of(self._array)), self._array.dtype
    if isinstance(p, Variable):
        return _fill(self, _bernoulli(stream, self._array.shape, p, np_dtype))
    return _fill(self, _in_memory_order(self, lambda shape: stream.bernoulli(shape, float(p), np_dtype)))


def exponential_(self, lambd=1, *, generator=None):
    """Fill with exponential random numbers of rate `lambd`; returns the tensor."""
    stream, np_dtype = stream_of(generator, place_of(self._array)), self._array.dtype
    return _fill(self, _in_memory_order(self, lambda shape: stream.exponential(shape, float(lambd), np_dtype)))


def geometric_(self, p, *, generator=None):
    """Fill with the number of trials of probability `p` up to the first success; returns the tensor."""
    stream, np_dtype = stream_of(generator, place_of(self._array)), self._array.dtype
    if np_dtype.kind == "c":
        raise NotImplementedError(f"\"geometric_cpu\" not implemented for '{dtypes.from_numpy(np_dtype).name}'")
    return _fill(self, _in_memory_order(self, lambda shape: stream.geometric(shape, float(p), np_dtype)))


def cauchy_(self, median=0, sigma=1, *, generator=None):
    """Fill with numbers of the Cauchy distribution; returns the tensor."""
    stream, np_dtype = stream_of(generator, place_of(self._array)), self._array.dtype
    return _fill(
        self, _in_memory_order(self, lambda shape: stream.cauchy(shape, float(median), float(sigma), np_dtype))
    )


def log_normal_(self, mean=1, std=2, *, generator=None):
    """Fill with numbers whose logarithm is normal; returns the tensor."""
    stream, np_dtype = stream_of(generator, place_of(self._array)), self._array.dtype
    return _fill(
        self, _in_memory_order(self, lambda shape: stream.log_normal(shape, float(mean), float(std), np_dtype))
    )


class RandomMethods:
    """Fills and draws as methods."""

    __slots__ = ()

    normal_ = normal_
    uniform_ = uniform_
    random_ = random_
    bernoulli_ = bernoulli_
    exponential_ = exponential_
    geometric_ = geometric_
    cauchy_ = cauchy_
    log_normal_ = log_normal_
    bernoulli = bernoulli
    multinomial = multinomial
