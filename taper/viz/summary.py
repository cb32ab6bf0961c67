"""A table of a model's layers: what comes out of each, its parameters, its arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import prod

from .. import nn
from ..autograd.modes import no_grad
from ..tensor import is_tensor, zeros


@dataclass(frozen=True)
class Row:
    """One module. flops: multiplications and additions of one sample in linear, convolutional and recurrent layers."""

    name: str
    kind: str
    depth: int
    shape: tuple[int, ...] | None
    parameters: int
    flops: int


class Summary:
    """The rows of a model's table and their sums; printed, or shown in a notebook, it is the table."""

    def __init__(self, rows: list[Row], parameters: int, trainable: int):
        self.rows, self.parameters, self.trainable = rows, parameters, trainable
        self.flops = sum(row.flops for row in rows)

    def _cells(self) -> list[tuple[str, str, str, str]]:
        made = [("layer", "output shape", "parameters", "flops")]
        for row in self.rows:
            shape = (
                "" if row.shape is None else f"[N, {', '.join(map(str, row.shape[1:]))}]" if row.shape[1:] else "[N]"
            )
            label = "  " * row.depth + (f"{row.name}: {row.kind}" if row.name else row.kind)
            made.append(
                (label, shape, f"{row.parameters:,}" if row.parameters else "", f"{row.flops:,}" if row.flops else "")
            )
        return made

    def _last(self) -> str:
        frozen = self.parameters - self.trainable
        return f"{self.parameters:,} parameters ({frozen:,} frozen), {self.flops:,} flops a sample"

    def __str__(self) -> str:
        cells = self._cells()
        widths = [max(len(row[i]) for row in cells) for i in range(4)]
        lines = [
            f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}".rstrip() for a, b, c, d in cells
        ]
        return "\n".join([lines[0], "-" * (sum(widths) + 6), *lines[1:], "-" * (sum(widths) + 6), self._last()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *body = self._cells()
        row = lambda cells, tag: "<tr>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in cells) + "</tr>"
        indented = [(c[0].replace("  ", "\u2003"), *c[1:]) for c in body]
        table = row(head, "th") + "".join(row(cells, "td") for cells in indented)
        return f"<table>{table}</table><p>{escape(self._last())}</p>"


def summary(model: nn.Module, input_size, dtypes=None) -> Summary:
    """A table of a model's modules, from one pass over zeros in evaluation mode; the model stays as it is.

    input_size: the shape of one sample, without the batch, as (1, 28, 28); or a list of such for several arguments.
    dtypes: one for each argument, float32 if not given. Shared modules have a row for each call; parameters are counted
    once.
    """
    sizes = [tuple(s) for s in input_size] if isinstance(input_size, list) else [tuple(input_size)]
    kinds = [None] * len(sizes) if dtypes is None else list(dtypes)
    inputs = [zeros((1, *size), dtype=kind) for size, kind in zip(sizes, kinds)]
    paths = {id(module): name for name, module in model.named_modules()}
    rows: list[Row | None] = []
    seen: set[int] = set()
    places: list[int] = []

    def before(module, args):
        places.append(len(rows))
        rows.append(None)

    def after(module, args, output):
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen.update(id(p) for p in own)
        first = output
        while isinstance(first, (tuple, list)) and first:
            first = first[0]
        path = paths[id(module)]
        rows[places.pop()] = Row(
            path.rpartition(".")[2],
            type(module).__name__,
            path.count(".") + 1 if path else 0,
            tuple(first.shape) if is_tensor(first) else None,
            sum(p.numel() for p in own),
            _flops(module, args, first),
        )

    modes = [(module, module.training) for module in model.modules()]
    hooks = [h for m in model.modules() for h in (m.register_forward_pre_hook(before), m.register_forward_hook(after))]
    try:
        model.eval()
        with no_grad():
            model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes:
            module.training = training
    parameters = list(model.parameters())
    trainable = sum(p.numel() for p in parameters if p.requires_grad)
    return Summary([row for row in rows if row is not None], sum(p.numel() for p in parameters), trainable)


def _flops(module, args, output) -> int:
    """Two for each multiplication with addition, and one for each bias added."""
    if not is_tensor(output):
        return 0
    bias = output.numel() if getattr(module, "bias", None) is not None else 0
    if isinstance(module, nn.Linear):
        return 2 * output.numel() * module.in_features + bias
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        return 2 * output.numel() * prod(module.kernel_size) * module.in_channels // module.groups + bias
    if isinstance(module, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
        return 2 * args[0].numel() * prod(module.kernel_size) * module.out_channels // module.groups + bias
    if isinstance(module, nn.RNNBase):
        # Each step multiplies every weight matrix once.
        steps = args[0].numel() // args[0].shape[-1]
        return 2 * steps * sum(p.numel() for p in module.parameters() if p.dim() == 2)
    return 0
