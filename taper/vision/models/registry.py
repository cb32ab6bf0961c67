"""The models by name, and how a model gets its published weights."""

from __future__ import annotations

import fnmatch
import functools
import sys
import warnings
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from .weights import WeightsEnum

_BUILDERS: dict[str, Callable] = {}
_WEIGHTS: dict[str, type[WeightsEnum] | None] = {}


def _chosen(name: str, published: type[WeightsEnum] | None, legacy: str | None, weights, options: dict) -> Any:
    """The weights asked for, also in the old way by `pretrained`; None for none."""
    old = "pretrained" in options
    if old or isinstance(weights, (bool, int)):
        wanted = options.pop("pretrained", weights)
        if old:
            warnings.warn(
                "The parameter 'pretrained' is deprecated since 0.13 and may be removed in the future, please use "
                "'weights' instead.",
                stacklevel=4,
            )
        if wanted and (published is None or legacy is None):
            raise ValueError(f"No weights available for model {name}")
        weights = published[legacy] if wanted else None
        warnings.warn(
            "Arguments other than a weight enum or `None` for 'weights' are deprecated since 0.13 and may be removed in "
            f"the future. The current behavior is equivalent to passing `weights={weights!r}`.",
            stacklevel=4,
        )
    if weights is None or published is not None:
        return None if published is None else published.verify(weights)
    raise ValueError(f"No weights available for model {name}: give weights=None")


def settle(options: dict, name: str, value) -> None:
    """Give an option the value that weights demand. ValueError if the caller asked for another."""
    if options.setdefault(name, value) != value:
        raise ValueError(f"The parameter '{name}' expected value {value} but got {options[name]} instead.")


def model(
    published: type[WeightsEnum] | None = None,
    *,
    legacy: str | None = "IMAGENET1K_V1",
    adapt: Callable[[WeightsEnum, dict], Callable | None] | None = None,
    rename: Callable[[dict], dict] | None = None,
):
    """Know a function that builds a model by its name, and give it `weights`, from an enumeration of those published.

    legacy: the member that pretrained=True means. adapt: changes the options for weights, and may return what to do with the model
    that has them. rename: from the published state to today's names.
    """

    def known(builder):
        name = builder.__name__

        @functools.wraps(builder)
        def build(*args, weights=None, progress: bool = True, **options):
            if args:
                warnings.warn(
                    "Using 'weights' as positional parameter(s) is deprecated since 0.13 and may be removed in the "
                    "future. Please use keyword parameter(s) instead.",
                    stacklevel=2,
                )
                weights, progress = (*args, progress)[:2]
            chosen = _chosen(name, published, legacy, weights, options)
            if chosen is None:
                return builder(**options)
            if chosen.meta["categories"] is not None:
                settle(options, "num_classes", len(chosen.meta["categories"]))
            finish = adapt(chosen, options) if adapt is not None else None
            made = builder(**options)
            state = chosen.get_state_dict(progress=progress, check_hash=True)
            made.load_state_dict(rename(state) if rename is not None else state)
            if finish is not None:
                finish(made)
            return made

        del build.__wrapped__  # Its signature is that of the builder, without weights.
        _BUILDERS[name], _WEIGHTS[name] = build, published
        return build

    return known


def get_model_builder(name: str) -> Callable:
    """The function that builds a model. ValueError for an unknown name."""
    if name.lower() not in _BUILDERS:
        raise ValueError(f"Unknown model {name}. Known: {', '.join(list_models())}.")
    return _BUILDERS[name.lower()]


def get_model(name: str, **options):
    """A model by name. ValueError for an unknown name."""
    return get_model_builder(name)(**options)


def list_models(
    module: ModuleType | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
) -> list[str]:
    """The names of the models, of one module, that match any of the patterns to include and none of those to exclude."""
    names = [
        n for n, build in _BUILDERS.items() if module is None or build.__module__.rpartition(".")[0] == module.__name__
    ]
    matching = lambda patterns: {
        n for p in ([patterns] if isinstance(patterns, str) else patterns) for n in fnmatch.filter(names, p)
    }
    found = matching(include) if include else set(names)
    return sorted(found - matching(exclude) if exclude else found)


def get_model_weights(name: Callable | str) -> type[WeightsEnum]:
    """The enumeration of a model's published weights, by its name or its function. ValueError if it has none."""
    key = name if isinstance(name, str) else name.__name__
    get_model_builder(key)
    found = _WEIGHTS[key.lower()]
    if found is None:
        raise ValueError(f"No weights available for model {key}")
    return found


def get_weight(name: str) -> WeightsEnum:
    """The weights named as `ResNet50_Weights.IMAGENET1K_V1`. ValueError for another name."""
    owner, dot, member = name.partition(".")
    if not (owner and dot and member):
        raise ValueError(f"Invalid weight name provided: '{name}'.")
    places = [__package__, *sorted({build.__module__ for build in _BUILDERS.values()})]
    found = next((vars(sys.modules[place])[owner] for place in places if owner in vars(sys.modules[place])), None)
    if not (isinstance(found, type) and issubclass(found, WeightsEnum)):
        raise ValueError(f"The weight enum '{owner}' for the specific method couldn't be retrieved.")
    return found[member]
