"""Kernels that become one: elementwise ones with the products whose elements they use, maps and reductions over the same rows."""

from __future__ import annotations

from collections import defaultdict

from ..graph import Node
from .access import NotLinear
from .choosing import Chosen
from .expression import inline, is_reduction
from .kernels import Kernel, NotPointwise, Root, Space, space_key
from .needs import Kernels


class Merger:
    """Merges kernels of what is chosen as long as it pays."""

    def __init__(self, chosen: Chosen, kernels: Kernels):
        self.chosen, self.kernels = chosen, kernels

    def join_epilogues(self) -> None:
        """Elementwise kernels into the products whose elements they use one by one."""
        for product in [k for k in self.kernels.all if k.kind == "product"]:
            for consumer in [k for k in self.kernels.all if k.kind == "loop" and product.given() & k.loads()]:
                if consumer.space.reduces or consumer.space.size != product.space.size:
                    continue
                if any(_alone(r) for r in consumer.roots) or self.kernels.depends(consumer, product, consumer):
                    continue
                if self.parted(product, consumer):
                    continue
                roots = [*product.roots, *consumer.roots]
                made = Kernel(
                    "product", roots, product.space, self.chosen.stored, product.node, product.operands, product.beside
                )
                try:
                    walk = made.walk()
                except (NotPointwise, NotLinear):
                    continue
                if walk.space.extents[-1] != product.space.extents[-1]:
                    continue
                self.kernels.replace(product, consumer, made)
                product = made

    def join_producers(self) -> None:
        """Loop kernels into the loop kernels whose values they use."""
        changed = True
        while changed:
            changed = False
            for b in list(self.kernels.all):
                if b not in self.kernels.alive or b.kind != "loop":
                    continue
                again = True
                while again:
                    again = False
                    for a in sorted(self.kernels.needs(b), key=lambda k: -k.roots[-1].node.number if k.roots else 0):
                        if not self.alike(a, b) or self.kernels.depends(b, a, b):
                            continue
                        made = self.merged(a, b)
                        if made is not None:
                            self.kernels.replace(a, b, made)
                            b, again, changed = made, True, True
                            break

    def join_siblings(self) -> None:
        """Loop kernels that read the same memory, and need nothing of each other."""
        readers: dict[Node, list[Kernel]] = defaultdict(list)
        for k in self.kernels.all:
            if k.kind == "loop":
                for n in k.loads():
                    if n.size > 1:
                        readers[n].append(k)
        for n in sorted(readers, key=lambda n: n.number):
            group = [k for k in readers[n] if k in self.kernels.alive]
            for i, a in enumerate(group):
                for b in group[i + 1 :]:
                    if a not in self.kernels.alive or b not in self.kernels.alive or not self.alike(a, b):
                        continue
                    if len(a.roots) + len(b.roots) > 16 or self.kernels.depends(a, b) or self.kernels.depends(b, a):
                        continue
                    made = self.merged(a, b)
                    if made is not None:
                        self.kernels.replace(a, b, made)
                        for group2 in readers.values():
                            if a in group2 or b in group2:
                                group2[:] = [k for k in group2 if k is not a and k is not b] + [made]
                        a = made
                        break

    def alike(self, a: Kernel, b: Kernel) -> bool:
        """Whether the sizes of two kernels leave it open that they become one."""
        if a.kind != "loop" or b.kind != "loop":
            return False
        if a.space.reduces and b.space.reduces:
            return space_key(a.space) == space_key(b.space)
        sizes = {a.space.size, b.space.size}
        for k in (a, b):
            if k.space.reduces:
                sizes.add(k.space.kept_size)
        return a.space.size == b.space.size or len(sizes) < 3

    def merged(self, a: Kernel, b: Kernel) -> Kernel | None:
        """One kernel for two, in the space of the one that reduces; None where they cannot be one."""
        if a.kind != "loop" or b.kind != "loop" or any(_alone(r) for r in (*a.roots, *b.roots)) or self.parted(a, b):
            return None
        spaces = {space_key(k.space): k.space for k in (a, b) if k.space.reduces}
        if len(spaces) > 1:
            return None
        space = next(iter(spaces.values())) if spaces else a.space
        if spaces:
            if not _pays(space):
                sizes = {r.node.size for r in (*a.roots, *b.roots)}
                if sizes != {space.kept_size}:
                    return None
            for k in (a, b):
                for r in k.roots:
                    if r.node.size not in (space.size, space.kept_size):
                        return None
                    full = r.node.size == space.size and not is_reduction(r.node) and space.size != space.kept_size
                    if full and not space.along_rows:
                        return None
        elif a.space.size != b.space.size:
            return None
        roots = sorted({*a.roots, *b.roots}, key=lambda r: r.node.number)
        made = Kernel("loop", roots, space, self.chosen.stored)
        try:
            walk = made.walk()
        except (NotPointwise, NotLinear):
            return None
        if spaces and not space.along_rows and _nested(walk):
            return None
        return made

    def parted(self, a: Kernel, b: Kernel) -> bool:
        """Whether `b` goes on where a long chain of `a` ends."""
        return bool(self.chosen.deep) and not self.chosen.deep.isdisjoint(a.own() & b.loads())


def _alone(root: Root) -> bool:
    """Whether a root keeps a kernel for itself: slices, and copies that must wait until all others have read."""
    return root.into is not None or root.node.op == "settle"


def _pays(space: Space) -> bool:
    """Whether rows are enough to share out, or so short that it does not matter."""
    return space.kept_size >= 16 or space.size <= 16384


def _nested(walk) -> bool:
    """Whether a reduction of a kernel uses another of the same kernel."""
    inside = {n for n in walk.reductions}
    for node in walk.reductions:
        stack, seen = [node.inputs[0]], set()
        while stack:
            x = stack.pop()
            if x in inside:
                return True
            if x not in seen and (inline(x)):
                seen.add(x)
                stack.extend(x.inputs)
    return False
