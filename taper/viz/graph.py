"""The tape of a result as a drawing: what was computed from what."""

from __future__ import annotations

from html import escape
from pathlib import Path

BOX, GAP, LAYER = 26, 22, 58
"""Heights and distances in pixels: of a box, between boxes, between layers."""

COLOURS = {"parameter": "#cfe8cf", "operator": "#dbe7f5", "result": "#f7dcc3"}


class Drawing:
    """An SVG drawing: `svg` is its text, a notebook shows it, `save` writes it."""

    def __init__(self, svg: str):
        self.svg = svg

    def save(self, path) -> None:
        """Write the drawing as an SVG file."""
        Path(path).write_text(self.svg, encoding="utf-8")

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Drawing of {self.svg.count('<rect')} boxes: save(path) writes it>"


def graph(tensor, names: dict | None = None, path=None) -> Drawing:
    """The operators and leaves that a tensor was computed from, leaves above, the result below.

    names: what to call leaves, name to tensor, as `dict(model.named_parameters())`. path: a file to write as well.
    ValueError if the tensor has no history.
    """
    if tensor.grad_fn is None:
        raise ValueError(
            "graph: this tensor has no history. Compute it from tensors that require grad, outside no_grad."
        )
    called = {id(t): name for name, t in (names or {}).items()}
    boxes = [("result", f"result {list(tensor.shape)}", [tensor.grad_fn])]
    known = {}
    stack = [tensor.grad_fn]
    while stack:
        node = stack.pop()
        if node in known:
            continue
        before = [n for n, _ in node.next_functions if n is not None]
        leaf = getattr(node, "variable", None)
        if leaf is None:
            word = node.name().partition("Backward")[0]
            boxes.append(("operator", word, before))
        else:
            word = called.get(id(leaf), "leaf")
            boxes.append(("parameter", f"{word} {list(leaf.shape)}", before))
        known[node] = len(boxes) - 1
        stack += before
    edges = [(known[n], i) for i, (_, _, before) in enumerate(boxes) for n in before]
    made = Drawing(_drawn(boxes, edges))
    if path is not None:
        made.save(path)
    return made


def _depths(count: int, edges: list[tuple[int, int]]) -> list[int]:
    """For each box the longest way down to the result."""
    outgoing: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for start, end in edges:
        outgoing[end].append(start)
        waiting[start] += 1
    depths, ready = [0] * count, [i for i in range(count) if not waiting[i]]
    while ready:
        box = ready.pop()
        for before in outgoing[box]:
            depths[before] = max(depths[before], depths[box] + 1)
            waiting[before] -= 1
            if not waiting[before]:
                ready.append(before)
    return depths


def _drawn(boxes, edges) -> str:
    depths = _depths(len(boxes), edges)
    layers: list[list[int]] = [[] for _ in range(max(depths) + 1)]
    for i, depth in enumerate(depths):
        layers[depth].append(i)
    widths = [max(60, 8 * len(text) + 16) for _, text, _ in boxes]
    after: dict[int, list[int]] = {}
    for start, end in edges:
        after.setdefault(start, []).append(end)
    across = max(sum(widths[i] + GAP for i in layer) for layer in layers)
    centres: dict[int, float] = {}
    for layer in layers:
        # Each layer in the order of the boxes that it leads to, so that few lines cross.
        layer.sort(key=lambda i: sum(centres[j] for j in after.get(i, [])) / max(len(after.get(i, [])), 1))
        x = (across - sum(widths[i] + GAP for i in layer) + GAP) / 2
        for i in layer:
            centres[i] = x + widths[i] / 2
            x += widths[i] + GAP
    height = LAYER * len(layers)
    top = lambda i: height - LAYER * (depths[i] + 1) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{across + GAP:.0f}" height="{height:.0f}" '
        'font-family="sans-serif" font-size="13">',
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#555"/></marker></defs>',
    ]
    for start, end in edges:
        parts.append(
            f'<line x1="{centres[start]:.1f}" y1="{top(start) + BOX}" x2="{centres[end]:.1f}" y2="{top(end) - 1}" '
            'stroke="#555" marker-end="url(#tip)"/>'
        )
    for i, (kind, text, _) in enumerate(boxes):
        left = centres[i] - widths[i] / 2
        parts.append(
            f'<rect x="{left:.1f}" y="{top(i)}" width="{widths[i]}" height="{BOX}" rx="4" fill="{COLOURS[kind]}" '
            'stroke="#888"/>'
            f'<text x="{centres[i]:.1f}" y="{top(i) + 17}" text-anchor="middle">{escape(text)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])
