"""Inner results of a network, by the names of its modules.

Names are those of modules ("layer2", "layer4.1.relu"); of one that is called several times in a forward pass, "_1" stands for the
second call. What no module computes, such as the sum in a residual block, has no name of its own here: name the module that holds it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Any

from ... import nn

__all__ = ["create_feature_extractor", "get_graph_node_names"]


class FeatureExtractor(nn.Module):
    """A network that returns inner results. Its modules, parameters and buffers are the network's, under the network's names."""

    def __init__(self, model: nn.Module, wanted: dict[str, str]):
        super().__init__()
        for name, child in model.named_children():
            self.add_module(name, child)
        self.__dict__["_network"] = model
        self.wanted = wanted
        self.training = model.training

    def train(self, mode: bool = True) -> FeatureExtractor:
        """Set the training mode of the network."""
        self._network.train(mode)
        return super().train(mode)

    def forward(self, *args: Any, **kwargs: Any) -> OrderedDict[str, Any]:
        """The results by the names that they were given."""
        found: dict[str, Any] = {}
        calls: Counter[str] = Counter()
        handles = []
        try:
            for name, module in self._network.named_modules():
                if name:
                    handles.append(module.register_forward_hook(_noting(name, calls, found)))
            self._network(*args, **kwargs)
        finally:
            for handle in handles:
                handle.remove()
        for name in self.wanted:
            if name not in found:
                raise ValueError(f"node '{name}' was not reached in this forward pass")
        return OrderedDict((result, found[name]) for name, result in self.wanted.items())


def _noting(name: str, calls: Counter[str], found: dict[str, Any]):
    def note(module, args, output) -> None:
        n = calls[name]
        calls[name] += 1
        found[f"{name}_{n}" if n else name] = output

    return note


def get_graph_node_names(
    model: nn.Module, tracer_kwargs: dict | None = None, suppress_diff_warning: bool = False, concrete_args: Any = None
) -> tuple[list[str], list[str]]:
    """The names that `create_feature_extractor` takes, in training and in evaluation: those of all modules."""
    names = [name for name, _ in model.named_modules() if name]
    return names, list(names)


def create_feature_extractor(
    model: nn.Module,
    return_nodes: list[str] | dict[str, str] | None = None,
    train_return_nodes: list[str] | dict[str, str] | None = None,
    eval_return_nodes: list[str] | dict[str, str] | None = None,
    tracer_kwargs: dict | None = None,
    suppress_diff_warning: bool = False,
    concrete_args: Any = None,
) -> FeatureExtractor:
    """The network with inner results by name in place of its own: return_nodes from modules' names to results', or a list of them.

    ValueError for a name that is no module's, and without names. NotImplementedError for other names in training than in evaluation.
    """
    if train_return_nodes is not None or eval_return_nodes is not None:
        if return_nodes is not None or train_return_nodes is None or eval_return_nodes is None:
            raise ValueError("give return_nodes, or both train_return_nodes and eval_return_nodes")
        if train_return_nodes != eval_return_nodes:
            raise NotImplementedError(
                "create_feature_extractor: make one extractor for training and one for evaluation"
            )
        return_nodes = train_return_nodes
    if return_nodes is None:
        raise ValueError(
            "Either `return_nodes` or `train_return_nodes` and `eval_return_nodes` together, should be specified"
        )
    wanted = return_nodes if isinstance(return_nodes, dict) else {name: name for name in return_nodes}
    modules = dict(model.named_modules())
    for name in wanted:
        base, _, number = name.rpartition("_")
        if name not in modules and not (base and number.isdigit() and base in modules):
            raise ValueError(
                f"node: '{name}' is not present in model. Hint: use `get_graph_node_names` to make sure the `return_nodes` you "
                "specified are present; they are names of modules."
            )
    return FeatureExtractor(model, {str(k): str(v) for k, v in wanted.items()})
