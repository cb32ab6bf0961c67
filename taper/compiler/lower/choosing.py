"""Which nodes lie in memory: results, operands of products, and what is costly and used several times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ..elementwise import ELEMENTWISE
from ..graph import LEAVES, MOVEMENTS, REDUCTIONS, SEVERAL, Node, reached
from .expression import INDEXED, data_of, inline
from .instructions import COSTLY, LLVM
from .operands import calls_take, is_product, operand_strides, scale_in, takes, widens

DIVIDED, REPEATED = 8, 64
"""The cost of a value from inputs alone, and how often it is repeated, from which it is stored: kernels that repeat it
along their rows would divide again for each vector of a product."""

ONE_DIVISION = 4
"""The cost from which threads of a GPU, which have no loop to keep it along, do not compute a repeated value each."""

DEEP = 100
"""Values computed one from the other after which one is stored: longer chains are kernels of their own. An emitter follows
a chain by recursion, and compilers take more than twice as long for code of twice the length."""

HEAVY = 45
"""The cost, in simple operations, from which a value with several users is stored and not computed again.

Storing a float32 and loading it again takes about 0.8 ns of a core, an exponential 0.15 ns.
"""


class Chosen:
    """What lies in memory of what computes `results` (`stored`).

    deep: where chains end that are long enough: kernels that compute them stay apart from those that go on from there.
    ends: casts to half precision that a library's product ends with, by product. The rest as `schedule` has it.
    """

    def __init__(self, results: list[Node], state: Mapping[Node, Node], library: bool):
        self.results, self.state, self.library = results, state, library
        # What products take in half precision and multiply as float32.
        self.widened = ("bfloat16", "float16") if library else ("bfloat16",)
        self.nodes = reached(results)
        self.users: dict[Node, list[Node]] = defaultdict(list)
        for node in self.nodes:
            for n in dict.fromkeys(node.inputs):
                self.users[n].append(node)
        self.stored: set[Node] = set()
        self.deep: set[Node] = set()
        self.ends: dict[Node, Node] = {}
        self._choose()

    def _choose(self) -> None:
        cost: dict[Node, int] = {}
        depth: dict[Node, int] = defaultdict(int)
        reads: dict[Node, set[Node]] = defaultdict(set)
        self.stored.update(r for r in self.results if r.op not in LEAVES or r in self.state.values())
        self.stored = {r for r in self.stored if r.op not in LEAVES}
        for node in self.nodes:
            if node.op in LEAVES:
                cost[node] = 0
                continue
            if not inline(node):
                cost[node] = 1
                end = self.narrowed(node) if self.library and is_product(node) else None
                if end is not None:
                    self.ends[node] = end
                    self.stored.add(end)
                elif node.op not in SEVERAL:
                    self.stored.add(node)
                for x in self.in_memory_for(node):
                    self.store(x)
            else:
                own = 1 if node.op in ELEMENTWISE else 0
                if node.op in COSTLY:
                    own = 15 if node.dtype == "float32" and node.op != "power" else 60
                elif node.op in ("divide", "sqrt"):
                    own = 4
                cost[node] = own + sum(cost[x] for x in node.inputs if x not in self.stored)
                if node.op in INDEXED or node.op == "settle":
                    self.store(data_of(node))
                reads[node] = set().union(
                    *[{x} if x in self.stored or x.op in LEAVES else reads[x] for x in node.inputs]
                )
                heavy = cost[node] >= HEAVY or self._rereads(node, reads[node])
                depth[node] = 1 + max([depth[x] for x in node.inputs if x not in self.stored], default=0)
                if depth[node] >= DEEP and node.op in ELEMENTWISE:
                    self.deep.add(node)
                dear = node.size > 1 and (heavy and self._shared(node) or self._settled(node, cost[node], reads[node]))
                if dear or node in self.deep:
                    self.stored.add(node)
                    cost[node] = 1
        self.stored = {n for n in self.stored if n.op not in SEVERAL}

    def in_memory_for(self, node: Node) -> Iterable[Node]:
        """The operands of a node that is not computed inline, as they must lie in memory."""
        if node.op in ("concat", "update") or (node.op in REDUCTIONS and reducible(node)):
            return ()
        if is_product(node):
            return self.operand_bases(node)
        return [self.stripped(x) for x in node.inputs]

    def store(self, node: Node) -> None:
        if node.op not in LEAVES and node.op not in SEVERAL:
            self.stored.add(node)

    def stripped(self, x: Node) -> Node:
        """The node itself, or what a reshape of it is."""
        while x.op == "reshape":
            x = x.inputs[0]
        return x

    def narrowed(self, node: Node) -> Node | None:
        """The cast to half precision that alone uses a product of half precision, if there is one: the library rounds.

        Before it may be a multiplication by a number that is known, which the library does, too.
        """
        half = self.operand_bases(node)[0].dtype
        at, users = node, self.users[node]
        while len(users) == 1 and at not in self.results:
            (user,) = users
            if user.op == "cast":
                fits = user.dtype == half and half.name in self.widened
                return user if fits else None
            if user.op != "reshape" and (node.op != "matmul" or scale_in(user, at) is None):
                return None
            at, users = user, self.users[user]
        return None

    def operand_bases(self, node: Node) -> tuple[Node, ...]:
        """What a product's operands are strided views of; half precision if both are, which a matrix product widens."""
        if node.op == "matmul" or self.library:
            narrow = [self.operand_base(node, i, True) for i in range(2)]
            if narrow[0].dtype == narrow[1].dtype and narrow[0].dtype.name in self.widened:
                return tuple(narrow)
        return tuple([self.operand_base(node, i) for i in range(len(node.inputs))])

    def operand_base(self, node: Node, place: int, narrow: bool = False) -> Node:
        """What an operand of a product is a strided view of: itself if no strides describe it that the product's kernel
        takes. narrow: before it was widened."""
        x = base = node.inputs[place]
        while base.op in MOVEMENTS or (narrow and widens(base, self.widened)):
            base = base.inputs[0]
        access = operand_strides(x, base)
        fits = calls_take if self.library else takes
        if access is not None and fits(node, place, access):
            return base
        if narrow:
            # What must be moved in memory is moved before it is widened.
            wide = x
            while wide.op in MOVEMENTS:
                wide = wide.inputs[0]
            if widens(wide, self.widened):
                access = operand_strides(x, wide.inputs[0])
                if access is not None and fits(node, place, access):
                    return wide.inputs[0]
        return x

    def _rereads(self, node: Node, reads: set[Node]) -> bool:
        """Whether computing a node at each use reads more memory than storing it would cost."""
        big = sum(1 for x in reads if 2 * x.size >= node.size)
        return node.op not in MOVEMENTS and (big - 1) * (self._passes(node) - 1) >= 2

    def _passes(self, node: Node) -> int:
        """How many kernels use a node, about: reductions over the same rows, and what is only reduced there, are one."""
        passes = set()
        for user in self._real_users(node):
            ends = {user} if user.op in REDUCTIONS else self._real_users(user)
            reduced = ends and all(e.op in REDUCTIONS for e in ends)
            passes.add(frozenset((e.inputs[0].shape, e.attrs) for e in ends) if reduced else user)
        return len(passes)

    def _settled(self, node: Node, cost: int, reads: set[Node]) -> bool:
        """Whether a node is a quotient or the like of inputs, such as a batch norm's scale in evaluation, and repeated so
        often that a small kernel before all others should find it. On a GPU it may come from anything."""
        if cost < (ONE_DIVISION if self.library else DIVIDED):
            return False
        if not self.library and not all(x.op in LEAVES for x in reads):
            return False
        return any(u.size >= REPEATED * node.size for u in self._real_users(node) if u.op not in REDUCTIONS)

    def _shared(self, node: Node) -> bool:
        """Whether several others, or an axis along which it is repeated, use a node."""
        users = self._real_users(node)
        return len(users) > 1 or any(u.size > node.size and u.op not in REDUCTIONS for u in users)

    def _real_users(self, node: Node) -> set[Node]:
        found: set[Node] = set()
        stack = list(self.users[node])
        while stack:
            user = stack.pop()
            if user.op in MOVEMENTS and user not in self.stored:
                if user.op == "expand":
                    found.add(user)
                stack.extend(self.users[user])
            else:
                found.add(user)
        return {u for u in found if u.op != "expand"} | {u for u in found if u.op == "expand" and u.size > node.size}


def reducible(node: Node) -> bool:
    """Whether a reduction of a node's input is code of its own."""
    return node.inputs[0].dtype.name in LLVM and node.dtype.name not in ("float16", "bfloat16")
