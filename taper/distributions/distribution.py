"""The base of distributions: shapes, validation of parameters and values, what each may offer."""

from __future__ import annotations

import warnings
from typing import Any

import taper as T

from ..autograd.modes import no_grad
from ..autograd.tape import Variable
from ..backends import namespace_of
from ..tensor.size import Size
from . import constraints
from .utils import lazy_property

__all__ = ["Distribution"]


class Distribution:
    """A batch of distributions over events.

    `batch_shape`: independent distributions with parameters of their own. `event_shape`: one value of each. A sample of
    a shape has the shape sample_shape + batch_shape + event_shape. validate_args: check parameters at construction and
    values in `log_prob` (ValueError); the class's default is on unless Python runs with -O.
    """

    has_rsample: Any = False
    has_enumerate_support = False
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether new distributions validate, unless told otherwise."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape=Size(), event_shape=Size(), validate_args: bool | None = None):  # noqa: B008
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self) -> None:
        try:
            arg_constraints = self.arg_constraints
        except NotImplementedError:
            arg_constraints = {}
            warnings.warn(
                f"{self.__class__} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or initialize "
                "the distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
        for name, constraint in arg_constraints.items():
            if constraints.is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(getattr(type(self), name, None), lazy_property | property):
                continue  # computed from another parameter, which is checked
            value = getattr(self, name)
            if _violated(constraint.check(value)):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{_shown(value)}"
                )

    def expand(self, batch_shape, _instance=None):
        """The distribution with its batch dimensions expanded; parameters are not copied."""
        raise NotImplementedError

    @property
    def batch_shape(self) -> Size:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one value."""
        return self._event_shape

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        """Where the parameters lie."""
        raise NotImplementedError

    @property
    def support(self) -> Any:
        """Where values lie."""
        raise NotImplementedError

    @property
    def mean(self) -> Any:
        """The mean."""
        raise NotImplementedError

    @property
    def mode(self) -> Any:
        """The most probable value."""
        raise NotImplementedError(f"{self.__class__} does not implement mode")

    @property
    def variance(self) -> Any:
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self) -> Any:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape=Size()) -> Any:  # noqa: B008
        """Random values, without history."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=Size()) -> Any:  # noqa: B008
        """Random values that are differentiable functions of the parameters."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Any:
        """n random values. Deprecated: sample((n,))."""
        warnings.warn("sample_n(n) will be deprecated. Use .sample((n,)) instead", UserWarning, stacklevel=2)
        return self.sample(Size((n,)))

    def log_prob(self, value) -> Any:
        """The logarithm of the density, or of the probability, of values."""
        raise NotImplementedError

    def cdf(self, value) -> Any:
        """The probability of being at most the values."""
        raise NotImplementedError

    def icdf(self, value) -> Any:
        """The values below which these probabilities lie."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Any:
        """All values of a discrete distribution, along a new first dimension."""
        raise NotImplementedError

    def entropy(self) -> Any:
        """The entropy in nats."""
        raise NotImplementedError

    def perplexity(self) -> Any:
        """exp(entropy)."""
        return T.exp(self.entropy())

    def _extended_shape(self, sample_shape=Size()) -> Size:  # noqa: B008
        return Size(tuple(sample_shape) + tuple(self._batch_shape) + tuple(self._event_shape))

    def _validate_sample(self, value) -> None:
        """ValueError for what `log_prob` cannot take."""
        if not isinstance(value, Variable):
            raise ValueError("The value argument to log_prob must be a Tensor")
        first_event = len(value.shape) - len(self._event_shape)
        if tuple(value.shape[first_event:]) != tuple(self._event_shape):
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}."
            )
        expected = tuple(self._batch_shape) + tuple(self._event_shape)
        for have, want in zip(reversed(tuple(value.shape)), reversed(expected)):
            if have != 1 and want != 1 and have != want:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {Size(expected)}."
                )
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{self.__class__} does not define `support` to enable sample validation. Please initialize the "
                "distribution with `validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        if support is None:
            raise AssertionError("support is None")
        if _violated(support.check(value)):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{_shown(value)}"
            )

    def _get_checked_instance(self, cls: type, _instance=None):
        """What `expand` fills: a new object of this class without its constructor having run."""
        if _instance is None and type(self).__init__ != cls.__init__:
            raise NotImplementedError(
                f"Subclass {self.__class__.__name__} of {cls.__name__} that defines a custom __init__ method must also "
                "define a custom .expand() method."
            )
        return self.__new__(type(self)) if _instance is None else _instance

    def _expanded(self, cls: type, batch_shape, _instance, event=Size(), **parameters):  # noqa: B008
        """`expand` for parameters of the batch's shape (and `event` dimensions behind)."""
        new = self._get_checked_instance(cls, _instance)
        batch_shape = Size(batch_shape)
        for name, parameter in parameters.items():
            setattr(new, name, parameter.expand(tuple(batch_shape) + tuple(event)))
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def __repr__(self) -> str:
        names = [k for k in self.arg_constraints if k in self.__dict__]
        return (
            self.__class__.__name__
            + "("
            + ", ".join(
                f"{p}: {self.__dict__[p] if self.__dict__[p].numel() == 1 else self.__dict__[p].size()}" for p in names
            )
            + ")"
        )


def _violated(holds) -> bool:
    """Whether a condition does not hold somewhere; a captured step asks at each run, and leaves the call to eager then."""
    return namespace_of(holds._array).found(holds.logical_not()._array)


def _shown(value) -> str:
    """A value as messages show it."""
    return str(value.item()) if value.dim() == 0 else str(value)


class ExponentialFamily(Distribution):
    """Densities exp(<t(x), theta> - F(theta) + k(x)): the entropy follows from the natural parameters theta."""

    @property
    def _natural_params(self) -> tuple:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError

    def entropy(self):
        from ..autograd.backward import grad

        result = -self._mean_carrier_measure
        natural = [p.detach().requires_grad_() for p in self._natural_params]
        log_normal = self._log_normalizer(*natural)
        gradients = grad(log_normal.sum(), natural, create_graph=True)
        result = result + log_normal
        for parameter, g in zip(natural, gradients):
            result = result - (parameter * g).reshape(tuple(self._batch_shape) + (-1,)).sum(-1)
        return result
