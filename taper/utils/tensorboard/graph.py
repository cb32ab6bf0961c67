"""A model as TensorBoard's graph: the operators of one forward pass, in boxes for the modules they ran in."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...autograd.modes import enable_grad
from ...autograd.tape import Variable


@dataclass
class Operation:
    """One operator on the tape, or a parameter or input it read."""

    name: str
    kind: str
    inputs: list[str] = field(default_factory=list)
    shape: tuple[int, ...] | None = None


def tensors_in(value) -> list[Variable]:
    """All tensors in a tensor, or in lists, tuples and dictionaries of them."""
    if isinstance(value, Variable):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for v in value for t in tensors_in(v)] if isinstance(value, (list, tuple)) else []


def operations(model, inputs) -> list[Operation]:
    """The operators of model(*inputs), after those they depend on. RuntimeError if no result depends on anything recorded."""
    inputs = tuple(inputs) if isinstance(inputs, (list, tuple)) else (inputs,)
    fed = [
        t.detach().clone().requires_grad_(t.dtype.is_floating_point) if isinstance(t, Variable) else t for t in inputs
    ]
    paths = {id(module): name.replace(".", "/") for name, module in model.named_modules()}
    homes: dict = {}
    hooks = [m.register_forward_hook(_claim(paths[id(m)], homes)) for m in model.modules()]
    try:
        with enable_grad():
            result = model(*fed)
    finally:
        for hook in hooks:
            hook.remove()
    roots = [t.grad_fn for t in tensors_in(result) if t.grad_fn is not None]
    if not roots:
        raise RuntimeError(
            "add_graph: the model's result does not depend on its parameters or its floating-point input."
        )
    known = {id(p): name.replace(".", "/") for name, p in model.named_parameters()}
    known |= {id(t): f"input/{i}" for i, t in enumerate(fed)}
    top = type(model).__name__
    return _listed(roots, homes, known, top)


def _claim(path: str, homes: dict):
    """A hook that puts the operators of a module's forward pass, but for those of modules inside it, in its box."""

    def hook(module, args, output) -> None:
        stack = [t.grad_fn for t in tensors_in(output) if t.grad_fn is not None]
        stop = {t.grad_fn for t in tensors_in(list(args))}
        while stack:
            node = stack.pop()
            if node in homes or node in stop or hasattr(node, "variable"):
                continue
            homes[node] = path
            stack += [before for before, _ in node.next_functions if before is not None]

    return hook


def _listed(roots, homes: dict, known: dict, top: str) -> list[Operation]:
    names: dict = {}
    made: list[Operation] = []
    counts: dict[str, int] = {}
    stack = [(root, False) for root in roots]
    while stack:
        node, done = stack.pop()
        if node in names:
            continue
        before = [n for n, _ in node.next_functions if n is not None]
        if not done:
            stack.append((node, True))
            stack += [(n, False) for n in before if n not in names]
            continue
        variable = getattr(node, "variable", None)
        if variable is not None:
            path, kind = known.get(id(variable), "constant"), "Input" if id(variable) in known else "Const"
            kind = kind if path.startswith("input/") else "Parameter"
        else:
            kind = node.name().partition("Backward")[0]
            path = "/".join(part for part in (homes.get(node, ""), kind) if part)
        path = f"{top}/{path}"
        counts[path] = counts.get(path, -1) + 1
        names[node] = path if not counts[path] else f"{path}_{counts[path]}"
        shape = tuple(variable.shape) if variable is not None else None
        made.append(Operation(names[node], kind, [names[n] for n in before], shape))
    return made


def graph_def(found: list[Operation]):
    """TensorBoard's message for such a list."""
    from tensorboardX.proto.attr_value_pb2 import AttrValue
    from tensorboardX.proto.graph_pb2 import GraphDef
    from tensorboardX.proto.node_def_pb2 import NodeDef
    from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboardX.proto.versions_pb2 import VersionDef

    nodes = []
    for operation in found:
        attributes = {}
        if operation.shape is not None:
            sizes = [TensorShapeProto.Dim(size=n) for n in operation.shape]
            shapes = AttrValue.ListValue(shape=[TensorShapeProto(dim=sizes)])
            attributes["_output_shapes"] = AttrValue(list=shapes)
        nodes.append(NodeDef(name=operation.name, op=operation.kind, input=operation.inputs, attr=attributes))
    return GraphDef(node=nodes, versions=VersionDef(producer=22))
