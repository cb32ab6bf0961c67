"""Random programs: chains of operators, views, in-place updates and a backward pass.

A program is a list of instructions over numbered tensors; `run` carries it out with Taper's or PyTorch's functions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

SHAPES = ((3,), (2, 3), (2, 1), (1, 3), (3, 2), (2, 2, 3), (), (0, 3))

UNARY = "neg exp sin tanh sigmoid relu abs square sqrt log1p floor sign reciprocal".split()
BINARY = "add sub mul div maximum minimum atan2 pow where matmul".split()
REDUCTIONS = "sum mean prod amax logsumexp softmax cumsum max std".split()
VIEWS = "transpose flatten first last slice step unsqueeze expand diagonal reshape detach squeeze".split()
COPIES = "clone cat stack flip roll gather index masked pad contiguous".split()
IN_PLACE = """add_ mul_ zero_ sub_number_ mul_number_ clamp_ exp_ copy_ fill_ relu_ set_first set_slice masked_fill_
    index_add_ neg_ tanh_ add_scaled_ div_ set_mask""".split()


@dataclass(frozen=True)
class Instruction:
    """What to do with the tensor numbered `to` (and `by`), numbers counted from the newest tensor back."""

    kind: str
    to: int
    by: int = 0
    number: float = 0.5
    dim: int = 0


@dataclass(frozen=True)
class Program:
    """Inputs by shape (a parameter if its letter is "p", else an argument "a"), instructions, and the tensors of the loss."""

    inputs: tuple[tuple[str, tuple], ...]
    body: tuple[Instruction, ...]
    seed: int
    dtype: str = "float64"

    def arrays(self) -> list[np.ndarray]:
        rng = np.random.default_rng(self.seed)
        return [np.asarray(rng.uniform(-1.5, 1.5, shape).round(3)) for _, shape in self.inputs]

    def tensors(self, T) -> tuple[list, list]:
        """New parameters and arguments."""
        made = [T.from_numpy(a.copy()).to(getattr(T, self.dtype)) for a in self.arrays()]
        parameters = [t.requires_grad_() for (kind, _), t in zip(self.inputs, made) if kind == "p"]
        return parameters, [t for (kind, _), t in zip(self.inputs, made) if kind == "a"]

    def step(self, T, parameters: list):
        """The program as a function of its arguments: results, and the gradients of the parameters."""

        def step(*arguments):
            pools = {"p": iter(parameters), "a": iter(arguments)}
            tensors = [next(pools[kind]) for kind, _ in self.inputs]
            for instruction in self.body:
                carried_out(T, instruction, tensors)
            live = [t for t in tensors if t.requires_grad]
            if not live or not parameters:
                return tensors[len(self.inputs) :], []
            loss = sum((t * t).sum() * (1 + i) for i, t in enumerate(live))
            slopes = T.autograd.grad(loss, parameters, allow_unused=True)
            slopes = [T.zeros_like(p) if g is None else g for g, p in zip(slopes, parameters)]
            return [t.detach() for t in tensors[len(self.inputs) :]], slopes

        return step


def carried_out(T, i: Instruction, tensors: list) -> None:
    """Append the result of an instruction, or change a tensor in place."""
    x, y = tensors[-1 - i.to % len(tensors)], tensors[-1 - i.by % len(tensors)]
    dim = i.dim if x.ndim and -x.ndim <= i.dim < x.ndim else 0
    if i.kind in IN_PLACE:
        _in_place(T, i, x, y, dim)
    else:
        tensors.append(_made(T, i, x, y, dim))


def _made(T, i: Instruction, x, y, dim: int):
    kind = i.kind
    if kind in UNARY:
        return getattr(T, kind)(x)
    if kind == "where":
        return T.where(x > y, x, y)
    if kind == "pow":
        return T.pow(x.abs() + 0.5, y)
    if kind in BINARY:
        return getattr(T, kind)(x, y)
    if kind in ("amax", "logsumexp", "softmax", "cumsum"):
        return getattr(T, kind)(x, dim)
    if kind == "max":
        return T.max(x, dim)[0]
    if kind in REDUCTIONS:
        return getattr(T, kind)(x, dim) if i.number > 0 and x.ndim else getattr(T, kind)(x)
    if kind == "slice":
        return x[1:] if x.ndim else x[None][0:]
    return {
        "transpose": lambda: x.transpose(0, -1) if x.ndim else x.t(),
        "flatten": lambda: x.flatten(),
        "first": lambda: x[0],
        "last": lambda: x.select(dim, -1),
        "step": lambda: x[..., ::2],
        "unsqueeze": lambda: x.unsqueeze(i.dim),
        "expand": lambda: x.expand(2, *x.shape),
        "diagonal": lambda: x.diagonal(),
        "reshape": lambda: x.reshape(-1, 1) if x.numel() else x.reshape(0, 1),
        "detach": lambda: x.detach(),
        "squeeze": lambda: x.squeeze(),
        "clone": lambda: x.clone(),
        "contiguous": lambda: x.contiguous(),
        "cat": lambda: T.cat([x, y], dim),
        "stack": lambda: T.stack([x, x * i.number], dim),
        "flip": lambda: x.flip([dim]),
        "roll": lambda: x.roll(1, dim),
        "gather": lambda: T.gather(x, dim, T.zeros_like(x).long()),
        "index": lambda: x[[0, -1, 0]],
        "masked": lambda: x.masked_fill(x > i.number, i.number),
        "pad": lambda: T.nn.functional.pad(x, (1, 0), value=i.number),
    }[kind]()


def _in_place(T, i: Instruction, x, y, dim: int) -> None:
    if i.kind == "set_first":
        x[0] = y
    elif i.kind == "set_slice":
        x[..., 1:] = i.number
    elif i.kind == "set_mask":
        x[x > 0] = i.number
    else:
        {
            "add_": lambda: x.add_(y),
            "mul_": lambda: x.mul_(y),
            "div_": lambda: x.div_(y.abs() + 1),
            "zero_": lambda: x.zero_(),
            "sub_number_": lambda: x.sub_(i.number),
            "mul_number_": lambda: x.mul_(i.number),
            "clamp_": lambda: x.clamp_(-i.number - 1, 0.7),
            "exp_": lambda: x.exp_(),
            "neg_": lambda: x.neg_(),
            "tanh_": lambda: x.tanh_(),
            "relu_": lambda: x.relu_(),
            "copy_": lambda: x.copy_(y),
            "fill_": lambda: x.fill_(i.number),
            "masked_fill_": lambda: x.masked_fill_(x < 0, i.number),
            "index_add_": lambda: x.index_add_(dim, T.zeros(1, dtype=T.int64), x.detach().narrow(dim, 0, 1).clone()),
            "add_scaled_": lambda: x.add_(y, alpha=2),
        }[i.kind]()


@st.composite
def programs(draw, dtype: str = "float64"):
    """A program of a few instructions."""
    inputs = draw(st.lists(st.tuples(st.sampled_from("ppa"), st.sampled_from(SHAPES)), min_size=1, max_size=3))
    kinds = st.sampled_from(
        [*UNARY, *BINARY, *REDUCTIONS, *VIEWS, *VIEWS, *COPIES, *IN_PLACE, *IN_PLACE, "clone", "mul", "add"]
    )
    instructions = st.builds(
        Instruction, kinds, st.integers(0, 5), st.integers(0, 5), st.sampled_from((0.5, -0.5, 2.0)), st.integers(-2, 1)
    )
    body = draw(st.lists(instructions, min_size=1, max_size=10))
    return Program(tuple(inputs), tuple(body), draw(st.integers(0, 5)), dtype)
