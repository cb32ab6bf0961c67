"""The models by name, and what asking for pretrained weights is told."""

from __future__ import annotations

_BUILDERS: dict = {}


def model(builder):
    """Know a function that builds a model by its name; and let it say that there are no pretrained weights."""
    name = builder.__name__

    def build(pretrained: bool = False, progress: bool = True, *, weights=None, **options):
        if weights is not None or pretrained:
            raise NotImplementedError(
                f"{name}: Taper has no pretrained weights. Build it with weights=None, fetch a file of weights, and "
                "call model.load_state_dict(torch.load(file))."
            )
        return builder(**options)

    build.__name__, build.__qualname__ = name, name
    build.__doc__, build.__module__ = builder.__doc__, builder.__module__
    _BUILDERS[name] = build
    return build


def get_model_builder(name: str):
    """The function that builds a model. ValueError for an unknown name."""
    if name.lower() not in _BUILDERS:
        raise ValueError(f"Unknown model {name}. Known: {', '.join(list_models())}.")
    return _BUILDERS[name.lower()]


def get_model(name: str, **options):
    """A model by name. ValueError for an unknown name."""
    return get_model_builder(name)(**options)


def list_models() -> list[str]:
    """The names of all models."""
    return sorted(_BUILDERS)
