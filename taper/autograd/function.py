"""`Function`: operations with a backward of one's own.

class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y

y = Exp.apply(x)
"""

from __future__ import annotations

import functools
import weakref

import numpy as np

from .inplace import adopt, base_of, is_leaf_node
from .modes import enable_grad, is_grad_enabled, no_grad
from .nodes import Node, OutputOf, saved_hooks
from .recording import needs, node_of
from .saved import Held
from .tape import Variable, alias, changed, kept_version, version, wrap


class FunctionCtx:
    """What `forward` tells `backward`: `ctx`. Any attribute may be set on it."""

    needs_input_grad: tuple[bool, ...] = ()
    materialize_grads = True

    def __init__(self):
        self._to_save: tuple = ()
        self._dirty: tuple = ()
        self._not_differentiable: tuple = ()
        self._saved: list | None = []

    def save_for_backward(self, *tensors) -> None:
        """Keep tensors (inputs, outputs, intermediates, or None) for `ctx.saved_tensors`."""
        for t in tensors:
            if t is not None and not isinstance(t, Variable):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(t).__name__}; set ctx.name = "
                    "value for anything else"
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors) -> None:
        """Keep tensors for `jvp`: they are kept as attributes, forward mode is not computed by Function."""
        self.saved_for_forward = tensors

    def mark_dirty(self, *tensors) -> None:
        """Say which inputs `forward` changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors) -> None:
        """Say which outputs have no gradient."""
        self._not_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (the default) or None for outputs that were not used."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple:
        """The tensors that were saved. RuntimeError if one was changed in place since, or the graph was freed."""
        if self._saved is None:
            raise RuntimeError(
                "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
                "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
                "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
                "saved tensors after calling backward."
            )
        found = []
        for t, counted, index in self._saved:
            if t is None:
                found.append(None)
                continue
            if t.__class__ is Held:
                t = wrap(counted(t.packed)._array, t.node)
            elif counted is not None and version(t) != counted:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace operation: "
                    f"[{t._array.dtype} {list(t._array.shape)}] is at version {version(t)}; expected version {counted} instead. "
                    "Hint: clone() it before changing it."
                )
            if index is not None:
                # An output: kept without its node, which would keep itself alive.
                made = alias(t, t._array)
                made._node = self._node() if self._count == 1 else OutputOf(self._node(), index)
                t = made
            found.append(t)
        return tuple(found)


class FunctionNode(Node):
    """The node of one call of a Function."""

    __slots__ = ("function", "ctx", "given")

    def __init__(self, function, ctx, edges, given):
        super().__init__(None, edges, (), (), None, None)
        self.function, self.ctx, self.given = function, ctx, given

    def run(self, g, differentiable: bool) -> tuple:
        if self.saved is None:
            self.ctx.saved_tensors  # noqa: B018  (raises: the graph was freed)
        grads = g if g.__class__ is tuple else (g,)
        grads = [
            x if x is None or isinstance(x, Variable) else wrap(np.asarray(x) if isinstance(x, np.generic) else x)
            for x in grads
        ]
        with enable_grad() if differentiable else no_grad():
            returned = self.function.backward(self.ctx, *grads)
        returned = returned if isinstance(returned, tuple) else (returned,)
        n = len(self.given)
        if len(returned) > n and all(r is None for r in returned[n:]):
            returned = returned[:n]
        if len(returned) != n:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {n}, got {len(returned)})"
            )
        results = []
        for i, (edge, r, shape) in enumerate(zip(self.edges, returned, self.given)):
            if edge is None or r is None:
                results.append(None)
                continue
            if not isinstance(r, Variable):
                raise RuntimeError(
                    f"function {self.name()} returned a gradient of type {type(r).__name__} for input {i}, expected a Tensor"
                )
            if r._array.shape != shape:
                if r._array.ndim < len(shape) or any(
                    a != b and b != 1 for a, b in zip(r._array.shape[::-1], shape[::-1])
                ):
                    raise RuntimeError(
                        f"Function {self.name()} returned an invalid gradient at index {i} - got {list(r._array.shape)} but "
                        f"expected shape compatible with {list(shape)}"
                    )
                lead = r._array.ndim - len(shape)
                r = r.sum(
                    tuple(range(lead)) + tuple(lead + j for j, b in enumerate(shape) if b == 1), keepdim=True
                ).reshape(shape)
            results.append(r if differentiable else r._array)
        return tuple(results)

    def release(self) -> None:
        self.saved = None
        self.ctx._saved = None

    def name(self) -> str:
        return self.function.__name__ + "Backward"

    @property
    def saved_tensors(self) -> tuple:
        """What `forward` saved."""
        return self.ctx.saved_tensors

    def __getattr__(self, name: str):
        return getattr(object.__getattribute__(self, "ctx"), name)

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{self.name()} object at {id(self):#x}>"


class Function(FunctionCtx):
    """The base class of operations with a backward of one's own: static methods `forward` and `backward`.

    `forward(ctx, *args)` computes, without recording; or `forward(*args)` with `setup_context(ctx, inputs, output)`.
    `backward(ctx, *grads)` gets the gradient of each output and returns one for each argument (None for what is no
    tensor). Call it as `MyFunction.apply(*args)`.
    """

    @staticmethod
    def forward(*args, **kwargs):
        """Compute the result."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Fill ctx, where forward does not take it."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """Compute the gradients of the arguments."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward "
            "mode AD."
        )

    @staticmethod
    def jvp(ctx, *grad_inputs):
        """Compute the outputs' tangents: accepted, and never called. Products with tangents are derived from `backward`."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @classmethod
    def apply(cls, *args):
        """Run forward and record the call."""
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(needs(a) for a in args)
        recording = is_grad_enabled() and any(ctx.needs_input_grad)
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args)
        if "vjp" in cls.__dict__ and cls.backward is Function.backward:
            cls.backward = staticmethod(cls.vjp)
        several = isinstance(output, tuple)
        outputs = list(output) if several else [output]
        for t in outputs:
            if t is not None and not isinstance(t, Variable) and not several:
                raise TypeError(
                    f"{cls.__name__}.forward: expected to return a Tensor or a tuple of them, got {type(t).__name__}"
                )
        dirty = {id(t) for t in ctx._dirty}
        inputs = {id(a) for a in args if isinstance(a, Variable)}
        fixed = {id(t) for t in ctx._not_differentiable}
        originals = list(outputs)
        for i, t in enumerate(outputs):
            if isinstance(t, Variable) and id(t) in inputs and id(t) not in dirty:
                outputs[i] = alias(t, t._array)
        if recording:
            cls._record(ctx, args, outputs, originals, dirty, fixed)
        return tuple(outputs) if several else outputs[0]

    @classmethod
    def _record(cls, ctx, args, outputs, originals, dirty, fixed) -> None:
        """Make the node of a call and give it to the outputs."""
        for t in ctx._dirty:
            root = base_of(t)
            if root._node is not None and is_leaf_node(root._node):
                raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        edges = tuple(node_of(a) if isinstance(a, Variable) else None for a in args)
        given = tuple(a._array.shape if isinstance(a, Variable) else None for a in args)
        node = FunctionNode(cls, ctx, edges, given)
        tracked = [
            isinstance(t, Variable) and t._array.dtype.kind not in "biu" and id(o) not in fixed
            for t, o in zip(outputs, originals)
        ]
        ctx._node, ctx._count = weakref.ref(node), len(outputs)
        ctx._saved = []
        hooks = saved_hooks.get()
        for t in ctx._to_save:
            index = next((i for i, o in enumerate(originals) if o is t and tracked[i]), None) if t is not None else None
            kept = t
            if index is not None:
                kept = alias(t, t._array)
            if hooks and kept is not None:
                ctx._saved.append((Held(hooks[-1][0](kept), kept), hooks[-1][1], index))
            else:
                ctx._saved.append((kept, None if t is None else kept_version(t), index))
        if len(outputs) > 1:
            node.results = [
                (t._array.shape, t._array.dtype) if isinstance(t, Variable) and ctx.materialize_grads else None
                for t in outputs
            ]
        for i, (t, wanted) in enumerate(zip(outputs, tracked)):
            if not isinstance(t, Variable) or not wanted:
                continue
            edge = node if len(outputs) == 1 else OutputOf(node, i)
            if id(t) in dirty:
                changed(t)
                adopt(t, edge)
            else:
                t._node = edge


def once_differentiable(function):
    """A decorator for `backward`: its result is a constant for higher derivatives, and asking for them is an error."""

    @functools.wraps(function)
    def wrapped(ctx, *grads):
        with no_grad():
            results = function(ctx, *grads)
        if not is_grad_enabled() or not any(isinstance(g, Variable) and g.requires_grad for g in grads):
            return results
        several = isinstance(results, tuple)
        made = []
        for r in results if several else (results,):
            if isinstance(r, Variable):
                r = r.detach()
                r._node = _Refusal(tuple(node_of(g) for g in grads if isinstance(g, Variable)))
            made.append(r)
        return tuple(made) if several else made[0]

    return wrapped


class _Refusal(Node):
    """The node of what cannot be differentiated again."""

    __slots__ = ()

    def __init__(self, edges):
        super().__init__(None, edges, (), (), None, None)

    def run(self, g, differentiable: bool) -> tuple:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
