"""Changing a tensor in place: write the values through, and let the tensor take over the result's history.

An in-place operation is the ordinary operator whose result is written into the tensor's memory (`assign`). If the
tensor is a view, its base is changed too: the base gets a `CopySlices` node, which hands the gradient of the viewed
region to the operation and the rest to the base's former history; the view's own node is made again when it is asked for.
"""

from __future__ import annotations

from numpy import ndarray

from .. import dtypes
from ..backends import namespace_of
from ..ops.movement import inverse, strided
from .modes import is_grad_enabled, is_inference_mode_enabled
from .nodes import Node, OutputOf
from .recording import how_viewed, node_of
from .tape import UNCOUNTED, Variable, address, changed, next_sequence, wrap


def assign(t: Variable, result: Variable, since: int | None = None) -> Variable:
    """Make `t` hold the values and the history of `result`, which operators computed from `t`. Returns `t`.

    since: the sequence number after which they ran; by default only the last one is known to belong to the change.
    Raises RuntimeError for a leaf that requires grad, a result of another shape or of a higher category of dtype, and
    a tensor whose elements share memory.
    """
    target, source = t._array, result._array
    check_writable(t)
    if source.shape != target.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(source.shape)}"
        )
    if dtypes.category(source.dtype) > dtypes.category(target.dtype):
        raise cannot_cast(source.dtype, target.dtype)
    node = result._node
    if node is not None:
        _keep_former(t, node, since)
    target[...] = source
    changed(t)
    adopt(t, node)
    return t


def _keep_former(t: Variable, node, since: int | None) -> None:
    """Where the change's nodes saved `t` itself, whose values are about to go, let them have a copy of the former ones."""
    former = None
    stack, seen = [node], set()
    while stack:
        node = stack.pop()
        node = node.node if node.__class__ is OutputOf else node
        if not isinstance(node, Node) or node in seen:
            continue
        seen.add(node)
        saved = node.saved or ()
        if saved.__class__ not in (list, tuple):
            if former is None:
                former = wrap(t._array.copy(), node_of(t))
            saved.keep(t, former)
            saved = ()
        for i, v in enumerate(saved):
            if v is t:
                if former is None:
                    former = wrap(t._array.copy(), node_of(t))
                node.saved[i], node.versions[i] = former, 0
        if since is not None:
            stack += [e for e in node.edges if e is not None and _sequence(e) > since]


def _sequence(edge) -> int:
    return edge.node.seq if edge.__class__ is OutputOf else edge.seq


def cannot_cast(source, target) -> RuntimeError:
    return RuntimeError(
        f"result type {legacy_name(source)} can't be cast to the desired output type {legacy_name(target)}"
    )


_LEGACY = {
    **{"bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long"},
    **{"float16": "Half", "bfloat16": "BFloat16", "float32": "Float", "float64": "Double"},
    **{"complex64": "ComplexFloat", "complex128": "ComplexDouble"},
    **{"uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64"},
}


def legacy_name(np_dtype) -> str:
    """The word for a dtype in PyTorch's messages: Float, Long, ..."""
    return _LEGACY[dtypes.from_numpy(np_dtype).name]


def check_single(array) -> None:
    """RuntimeError for memory that overlaps itself: where elements are one, none can be written."""
    if array.size and 0 in array.strides and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )


def check_apart(t: Variable, others) -> None:
    """RuntimeError if one of the tensors among `others` has part of its memory in common with `t`, which is to be written.

    All of it, element by element the same, may be in common.
    """
    a = t._array
    for other in others:
        if isinstance(other, Variable) and other is not t:
            refuse_overlap(a, other._array)


def refuse_overlap(a, b) -> None:
    """RuntimeError if two arrays, of which one is to be written, have some of their elements in common."""
    if b is not a and not (a.base is None and b.base is None) and _overlap(a, b):
        raise RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
            "memory location. Please clone() the tensor before performing the operation."
        )


def _overlap(a, b) -> bool:
    """Whether two arrays without gaps have some, but not all, of their memory in common."""
    if _owner(a) is not _owner(b):
        return False
    a, b = getattr(a, "shadow", a), getattr(b, "shadow", b)
    if not (a.size and b.size and _is_dense(a) and _is_dense(b)):
        return False
    start, other = address(a), address(b)
    if start == other and a.nbytes == b.nbytes:
        return a.shape != b.shape or a.strides != b.strides
    return start < other + b.nbytes and other < start + a.nbytes


def _is_dense(array) -> bool:
    flags = getattr(array, "flags", None)
    return flags is not None and (flags.c_contiguous or flags.f_contiguous)


def _owner(array):
    while array.base is not None and isinstance(array.base, (ndarray, array.__class__)):
        array = array.base
    return array


def check_writable(t: Variable) -> None:
    """Refuse to change a leaf that requires grad (or a view of one) while recording, and memory that overlaps itself."""
    check_single(t._array)
    if t._counter is UNCOUNTED:
        check_inference(t)
    if not is_grad_enabled():
        return
    node = node_of(t)
    view = t._view
    if view is None:
        if node is not None and is_leaf_node(node):
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        return
    root = base_of(t)
    root_node = root._node
    if root_node is not None and is_leaf_node(root_node):
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    if node.__class__ is OutputOf:
        raise RuntimeError(
            f"Output {node.index} of {node.node.name().partition('Backward')[0]} is a view and is being modified inplace. This view is the output "
            "of a function that returns multiple views. Such functions do not allow the output views to be modified "
            "inplace. You should replace the inplace operation by an out-of-place one."
        )


def check_inference(t: Variable) -> None:
    """RuntimeError for a tensor that was made in inference mode and is to be changed outside of it."""
    if t._counter is UNCOUNTED and not is_inference_mode_enabled():
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a normal "
            "tensor before doing inplace update."
        )


def check_may_record(t: Variable) -> None:
    """RuntimeError for a tensor that was made in inference mode and shall require grad outside of it."""
    if t._counter is UNCOUNTED and not is_inference_mode_enabled():
        raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")


def is_leaf_node(node) -> bool:
    """Whether this is the end of the tape at a leaf."""
    return node.__class__ is not OutputOf and not isinstance(node, Node)


def base_of(t: Variable) -> Variable:
    """The tensor of which `t` is, through however many steps, a view; `t` itself if it is none."""
    while t._view is not None:
        t = t._view.parent
    return t


def adopt(t: Variable, node) -> None:
    """After a write: give `t` (and, if it is a view, its base) the history that `node` records."""
    if node is None or not is_grad_enabled():
        return
    if t._view is None:
        t._node = node
        return
    steps, root = [], t
    while root._view is not None:
        view = root._view
        if not view.recorded:
            raise RuntimeError(
                "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Make the view "
                "where gradients are recorded, or work on a clone()."
            )
        steps.append(how_viewed(root))
        root = view.parent
    root._node = CopySlices(root, t._node, node, tuple(reversed(steps)))


class CopySlices(Node):
    """The history of a base of which a view was changed: `inner` made the view's values, `steps` lead to the view.

    If `inner` is an operation on the view itself, its gradient for it goes straight to the base. Else (several
    operations led from the view to its new values, or none) the region's gradient goes to `inner` as to any node.
    """

    __slots__ = ("inner", "steps", "axes")

    def __init__(self, root: Variable, former, inner, steps: tuple):
        direct = isinstance(inner, Node) and inner.edges[0] is former
        edges = (root._node, *inner.edges[1:]) if direct else (root._node, inner)
        super().__init__(None, edges, (), (), None, None)
        self.inner, self.steps = inner if direct else None, steps
        # Steps by strides count on the base's order in memory.
        strides = root._array.strides
        order = sorted(range(len(strides)), key=lambda i: -strides[i])
        self.axes = tuple(order) if any(operator is strided for operator, _ in steps) else None

    def run(self, g, differentiable: bool) -> tuple:
        xp = namespace_of(g._array if differentiable else g)
        if differentiable:
            g = g.clone() if self.axes is None else g.permute(self.axes).clone().permute(inverse(self.axes))
            region = g
            for operator, attrs in self.steps:
                region = _apply(operator, region, attrs)
            results = self.results_for(region.clone(), True)
            region.zero_() if results[0] is None else region.copy_(results[0])
        else:
            if self.axes is None:
                g = xp.asarray(g).copy()
            else:
                g = xp.permute_dims(xp.permute_dims(g, self.axes).copy(), inverse(self.axes))
            region = g
            for operator, attrs in self.steps:
                region = operator.forward(xp, region, **attrs)
            results = self.results_for(region.copy(), False)
            region[...] = 0 if results[0] is None else results[0]
        return (g, *results[1:])

    def results_for(self, g, differentiable: bool) -> tuple:
        """The gradients that the change of the view hands on: of the view's former values, then of other inputs."""
        return (None, g) if self.inner is None else self.inner.run(g, differentiable)

    def release(self) -> None:
        if self.inner is not None:
            self.inner.release()


def _apply(operator, t, attrs):
    from .dispatch import apply

    return apply(operator, t, **attrs)


def inplace(function, name: str | None = None):
    """The in-place method of an out-of-place function: `exp_ = inplace(exp)`. It takes what `function` takes."""

    def method(self, *args, **kwargs):
        check_apart(self, (*args, *kwargs.values()) if kwargs else args)
        since = next_sequence()
        return assign(self, function(self, *args, **kwargs), since)

    method.__name__ = method.__qualname__ = name or function.__name__ + "_"
    method.__doc__ = f"`{function.__name__}`, written into this tensor; returns it."
    method.__wrapped__ = function  # whose arguments it takes
    return method
