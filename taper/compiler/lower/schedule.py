"""Which nodes become kernels, and which kernels are one.

Every node that must lie in memory (a result, an operand of a product, something costly that several others use) first
gets a kernel of its own. Kernels are then merged: elementwise consumers into the products whose elements they use, maps
and reductions over the same rows with each other. What no other kernel reads any more is then not stored at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from ..elementwise import ELEMENTWISE
from ..graph import LEAVES, MOVEMENTS, PRODUCTS, REDUCTIONS, SEVERAL, Node, number_in, reached
from ..windows import WINDOWS
from .access import Access, NotLinear, Split, steps_of, through
from .expression import INDEXED, data_of, inline, is_reduction
from .instructions import COSTLY, LLVM
from .kernels import Kernel, NotPointwise, Root, Space, Walker, flat_space, space_key, space_of

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


def schedule(
    results: list[Node], state: Mapping[Node, Node], library: bool = False
) -> tuple[list[Kernel], set[Node]]:
    """The kernels that compute `results`, in an order of running.

    state: results that are written to the memory
    of an input (the input's node), in place of its old value. Also those of them that would be written before the old
    value has been read by all: they must be settled (copied) at the end instead.
    library: products are calls of a library, so that nothing else is computed with them.
    """
    scheduler = _Scheduler(results, state, library)
    return scheduler.run(), scheduler.unsafe


def overwritten_too_soon(order: list[Kernel], state: Mapping[Node, Node]) -> set[Node]:
    """The results of `state` that are written while others read their input, or a check may still forbid it."""
    unsafe = set()
    checked = max((i for i, k in enumerate(order) if _checks(k)), default=-1)
    for i, kernel in enumerate(order):
        for root in kernel.roots:
            old = state.get(root.node)
            if old is None:
                continue
            if i <= checked or any(old in k.loads() for k in order[i + 1 :]) or old in kernel.operands:
                unsafe.add(root.node)
            stored = next(a for r, a in kernel.walk().roots if r is root)
            if any(n is old and a != stored for n, a in kernel.walk().loads):
                unsafe.add(root.node)
    return unsafe


class _Scheduler:
    def __init__(self, results, state, library):
        self.results, self.state, self.library = results, state, library
        # What products take in half precision and multiply as float32.
        self.widened = ("bfloat16", "float16") if library else ("bfloat16",)
        self.nodes = reached(results)
        self.users: dict[Node, list[Node]] = defaultdict(list)
        for node in self.nodes:
            for n in dict.fromkeys(node.inputs):
                self.users[n].append(node)
        self.stored: set[Node] = set()
        # Where chains end that are long enough: kernels that compute them stay apart from those that go on from there.
        self.deep: set[Node] = set()
        self.kernels: list[Kernel] = []
        self.producer: dict[Node, Kernel] = {}
        self.pieces: dict[Node, list[Kernel]] = defaultdict(list)
        self._needs: dict[Kernel, list[Kernel]] = {}
        self._reach: dict[Kernel, int] = {}
        self._readers: dict[Node, list[Kernel]] | None = None
        self.alive: set[Kernel] = set()
        # Casts to half precision that a library's product ends with.
        self.ends: dict[Node, Node] = {}

    def run(self) -> list[Kernel]:
        self.choose()
        self.make()
        self.alive = set(self.kernels)
        if not self.library:
            self.join_epilogues()
        self.join_producers()
        self.join_siblings()
        self.drop_unread()
        return self.ordered()

    # Which nodes lie in memory.

    def choose(self) -> None:
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
                reads[node] = set().union(*[{x} if x in self.stored or x.op in LEAVES else reads[x] for x in node.inputs])
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
        if node.op in ("concat", "update") or (node.op in REDUCTIONS and self.reducible(node)):
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

    # One kernel each.

    def make(self) -> None:
        ends = set(self.ends.values())
        for node in self.nodes:
            if node.op in SEVERAL:
                # Beside a GPU the host computes a routine that no library there has.
                by_library = node.op == "routine" and node.attrs[0].library
                kind = "host" if self.library and not by_library else node.op
                self.add(Kernel(kind, [], flat_space(1), self.stored, node, operands=tuple(self.stripped(x) for x in node.inputs)))
            elif node not in self.stored and node not in self.ends or node in ends:
                continue
            elif node.op == "part":
                self.producer[node] = self.producer[node.inputs[0]]
                self.producer[node].parts.append(node)
            elif is_product(node):
                *lead, m, n = node.shape
                extents = (_product(lead), m, n)
                space = Space(extents, steps_of(extents), 3)
                root = Root(self.ends.get(node, node))
                self.add(Kernel("product", [root], space, self.stored, node, self.operand_bases(node)))
            elif is_window(node):
                self.make_windows(node)
            elif node.op == "scatter" and node.dtype.name in ("float32", "float64"):
                self.add(Kernel("scatter", [], flat_space(1), self.stored, node, operands=tuple(map(self.stripped, node.inputs))))
            elif node.op in ("concat", "update"):
                self.make_pieces(node)
            elif (is_reduction(node) and self.reducible(node)) or inline(node):
                self.add(Kernel("loop", [Root(node)], space_of(node), self.stored))
            else:
                self.add(Kernel("host", [], flat_space(1), self.stored, node, operands=tuple(self.stripped(x) for x in node.inputs)))
        for kernel in list(self.kernels):
            self.linear(kernel)
        self._needs.clear()
        self._reach.clear()
        self._readers = None

    def make_windows(self, node: Node) -> None:
        """A maximum and its place are found together."""
        if node in self.producer:
            return
        pair = [n for n in self.users[node.inputs[0]] if n.op in ("window_max", "window_place") and n.attrs == node.attrs]
        beside = tuple(n for n in pair if n is not node and n in self.stored and node in pair)
        space = Space(node.shape, steps_of(node.shape), 3)
        operands = tuple(self.stripped(x) for x in node.inputs)
        self.add(Kernel("product", [Root(n) for n in (node, *beside)], space, self.stored, node, operands, beside))

    def reducible(self, node: Node) -> bool:
        return node.inputs[0].dtype.name in LLVM and node.dtype.name not in ("float16", "bfloat16")

    def make_pieces(self, node: Node) -> None:
        if node.op == "concat":
            axis, at = node.attrs[0], 0
            for part in node.inputs:
                starts = tuple(at if i == axis else 0 for i in range(node.ndim))
                self.add_piece(part, node, starts, (1,) * node.ndim)
                at += part.shape[axis]
        else:
            x, value = node.inputs
            starts, _, steps = node.attrs
            self.add_piece(x, node, (0,) * node.ndim, (1,) * node.ndim)
            self.add_piece(value, node, starts, steps)

    def add_piece(self, part: Node, into: Node, starts, steps) -> None:
        space = Space(part.shape or (1,), steps_of(part.shape) or (1,), max(part.ndim, 1))
        if part.size:
            kernel = Kernel("loop", [Root(part, into, (starts, steps))], space, self.stored)
            self.add(kernel)
            self.pieces[into].append(kernel)

    def add(self, kernel: Kernel) -> None:
        self.kernels.append(kernel)
        for n in kernel.results():
            self.producer[n] = kernel

    def linear(self, kernel: Kernel) -> None:
        """Make every access of a kernel linear: where no cut helps, the movement's input is put into memory."""
        while kernel.roots:
            try:
                kernel.walk()
                return
            except NotLinear:
                blocked = self.blocked(kernel)
                self.stored.add(blocked)
                made = Kernel("loop", [Root(blocked)], space_of(blocked), self.stored)
                self.kernels.insert(self.kernels.index(kernel), made)
                self.producer[blocked] = made
                for k in self.kernels:
                    k._walk = None
                self.linear(made)

    def blocked(self, kernel: Kernel) -> Node:
        """The input of the first movement in a kernel whose access is not linear."""
        space = kernel.space
        while True:
            walker = Walker(kernel, space, [None] * len(kernel.roots))
            try:
                walker.walk()
            except Split as cut:
                space = space.cut(cut.dim, cut.inner)
                continue
            except NotLinear:
                pass
            found = walker.at
            assert found is not None
            inputs = [x for x in found.inputs if x not in self.stored and x.op not in LEAVES]
            if found.op in MOVEMENTS and inputs:
                return inputs[0]
            if found not in kernel.own():
                return found
            raise NotImplementedError(f"no linear access of {found!r}")

    # Kernels that become one.

    def depends(self, kernel: Kernel, on: Kernel, without: Kernel | None = None) -> bool:
        """Whether `kernel` needs, through others, what `on` computes; not counting the step straight from `without`."""
        seen = {kernel}
        stack = [k for k in self.needs(kernel) if not (without is kernel and k is on)]
        last = _last(on)
        while stack:
            k = stack.pop()
            if k is on:
                return True
            if k not in seen and self.reach(k) >= last:
                seen.add(k)
                stack.extend(self.needs(k))
        return False

    def reach(self, kernel: Kernel) -> int:
        """The number of the last node among what a kernel computes and all that it needs, through others, too.

        Numbers grow along single nodes, but a kernel may compute early nodes with late ones. Kernels that overwrite what
        each other reads wait in a circle, until one of them is settled: they count as reaching everything.
        """
        known = self._reach
        stack, begun = [kernel], set()
        while stack:
            k = stack[-1]
            missing = [] if k in known else [n for n in self.needs(k) if n not in known and n not in begun]
            if missing:
                begun.add(k)
                stack.extend(missing)
            else:
                if k not in known:
                    everything = self.nodes[-1].number
                    known[k] = max([_last(k), *[known.get(n, everything) for n in self.needs(k)]])
                stack.pop()
        return known[kernel]

    def needs(self, kernel: Kernel) -> list[Kernel]:
        """The kernels whose results a kernel reads."""
        found = self._needs.get(kernel)
        if found is None:
            found = self._needs[kernel] = self._needed(kernel)
        return found

    def _needed(self, kernel: Kernel) -> list[Kernel]:
        found = []
        for n in kernel.loads():
            if n.op == "part":
                n = n.inputs[0]
            k = self.producer.get(n)
            if k is not None and k is not kernel and k not in found:
                found.append(k)
            for other in self.pieces.get(n, ()):
                if other is not kernel and other not in found:
                    found.append(other)
        for r in kernel.roots:
            old = self.state.get(r.node)
            if old is not None:
                # Who overwrites an input waits for all who read it.
                found.extend(k for k in self.readers(old) if k is not kernel and k not in found)
            if r.into is not None and r.into.op == "update":
                mine = self.pieces[r.into]
                found.extend(k for k in mine[: mine.index(kernel)] if k not in found)
        return found

    def readers(self, leaf: Node) -> list[Kernel]:
        """The kernels that read an input which some kernel overwrites."""
        if self._readers is None:
            self._readers = defaultdict(list)
            overwritten = set(self.state.values())
            for k in self.kernels:
                for n in k.loads() & overwritten:
                    self._readers[n].append(k)
        return self._readers[leaf]

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
        made = Kernel("loop", roots, space, self.stored)
        try:
            walk = made.walk()
        except (NotPointwise, NotLinear):
            return None
        if spaces and not space.along_rows and _nested(walk):
            return None
        return made

    def parted(self, a: Kernel, b: Kernel) -> bool:
        """Whether `b` goes on where a long chain of `a` ends."""
        return bool(self.deep) and not self.deep.isdisjoint(a.own() & b.loads())

    def replace(self, a: Kernel, b: Kernel, made: Kernel) -> None:
        self.kernels[self.kernels.index(b)] = made
        self.kernels.remove(a)
        self.alive -= {a, b}
        self.alive.add(made)
        self.forget({a, b})
        for n in made.results():
            self.producer[n] = made

    def forget(self, gone: set[Kernel]) -> None:
        """Forget what is known of kernels that are no more, and of all that need them."""
        above = set(gone)
        for k in self._reach:
            # What a kernel needs was noted before it.
            if not above.isdisjoint(self._needs[k]):
                above.add(k)
        for k in above:
            self._reach.pop(k, None)
        for k in [k for k, needs in self._needs.items() if k in gone or not gone.isdisjoint(needs)]:
            del self._needs[k]
        self._readers = None

    def join_epilogues(self) -> None:
        """Elementwise kernels into the products whose elements they use one by one."""
        for product in [k for k in self.kernels if k.kind == "product"]:
            for consumer in [k for k in self.kernels if k.kind == "loop" and product.given() & k.loads()]:
                if consumer.space.reduces or consumer.space.size != product.space.size:
                    continue
                if any(_alone(r) for r in consumer.roots) or self.depends(consumer, product, consumer):
                    continue
                if self.parted(product, consumer):
                    continue
                roots = [*product.roots, *consumer.roots]
                made = Kernel("product", roots, product.space, self.stored, product.node, product.operands, product.beside)
                try:
                    walk = made.walk()
                except (NotPointwise, NotLinear):
                    continue
                if walk.space.extents[-1] != product.space.extents[-1]:
                    continue
                self.replace(product, consumer, made)
                product = made

    def join_producers(self) -> None:
        """Loop kernels into the loop kernels whose values they use."""
        changed = True
        while changed:
            changed = False
            for b in list(self.kernels):
                if b not in self.alive or b.kind != "loop":
                    continue
                again = True
                while again:
                    again = False
                    for a in sorted(self.needs(b), key=lambda k: -k.roots[-1].node.number if k.roots else 0):
                        if not self.alike(a, b) or self.depends(b, a, b):
                            continue
                        made = self.merged(a, b)
                        if made is not None:
                            self.replace(a, b, made)
                            b, again, changed = made, True, True
                            break

    def join_siblings(self) -> None:
        """Loop kernels that read the same memory, and need nothing of each other."""
        readers: dict[Node, list[Kernel]] = defaultdict(list)
        for k in self.kernels:
            if k.kind == "loop":
                for n in k.loads():
                    if n.size > 1:
                        readers[n].append(k)
        for n in sorted(readers, key=lambda n: n.number):
            group = [k for k in readers[n] if k in self.alive]
            for i, a in enumerate(group):
                for b in group[i + 1 :]:
                    if a not in self.alive or b not in self.alive or not self.alike(a, b):
                        continue
                    if len(a.roots) + len(b.roots) > 16 or self.depends(a, b) or self.depends(b, a):
                        continue
                    made = self.merged(a, b)
                    if made is not None:
                        self.replace(a, b, made)
                        for group2 in readers.values():
                            if a in group2 or b in group2:
                                group2[:] = [k for k in group2 if k is not a and k is not b] + [made]
                        a = made
                        break

    def drop_unread(self) -> None:
        """Do not store what only its own kernel reads."""
        read: set[Node] = set(self.results)
        for k in self.kernels:
            read |= k.loads() - {n for n in k.own() if k.kind == "loop"}
        unread = {n for n in self.stored if n not in read}
        for k in self.kernels:
            k.silent = {r.node for r in k.roots if r.into is None and r.node in unread}
        self.stored -= unread

    # The order of running.

    def ordered(self) -> list[Kernel]:
        """Kernels after what they need; those that overwrite an input after all that read it, and after all others."""
        for k in self.kernels:
            k.writes_state = any(n in self.state for n in k.results())
        self._needs.clear()
        self._reach.clear()
        self._readers = None
        order = self.placed(lambda k: (k.writes_state, _last(k)))
        checked = max((i for i, k in enumerate(order) if _checks(k)), default=-1)
        if any(k.writes_state for k in order[:checked]):
            order = self.placed(lambda k: (not _checks(k), k.writes_state, _last(k)))
        self.unsafe = overwritten_too_soon(order, self.state)
        return order

    def placed(self, key) -> list[Kernel]:
        """The kernels by `key`, each after what it needs and what reads what it overwrites."""
        done: dict[Kernel, int] = {}
        order: list[Kernel] = []

        def place(kernel: Kernel) -> None:
            stack = [(kernel, iter(self.needs(kernel)))]
            done[kernel] = 0
            while stack:
                k, rest = stack[-1]
                for n in rest:
                    if n not in done:
                        done[n] = 0
                        stack.append((n, iter(self.needs(n))))
                        break
                else:
                    order.append(k)
                    stack.pop()

        for k in sorted(self.kernels, key=key):
            if k not in done:
                place(k)
        return order


def _alone(root: Root) -> bool:
    """Whether a root keeps a kernel for itself: slices, and copies that must wait until all others have read."""
    return root.into is not None or root.node.op == "settle"


def _checks(kernel: Kernel) -> bool:
    """Whether a kernel says if the program may go on."""
    return any(r.node.op == "check" for r in kernel.roots)


def _last(kernel: Kernel) -> int:
    return max((n.number for n in kernel.results()), default=0)


def _product(numbers) -> int:
    size = 1
    for n in numbers:
        size *= n
    return size


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


def is_product(node: Node) -> bool:
    return node.op in PRODUCTS and node.dtype.name in ("float32", "float64")


def is_window(node: Node) -> bool:
    return node.op in (*WINDOWS, "resample") and all(n.dtype.name in LLVM and n.dtype.kind in "fiu" for n in node.inputs)


def takes(node: Node, place: int, access: Access) -> bool:
    """Whether a product's kernel can read an operand that lies so: a convolution wants weights whose taps are one step
    apart, and the gradient of an output, where it looks for the weights', with all its positions side by side. With
    channels last, those of x lie side by side."""
    if node.op == "matmul" or place == (node.op == "conv_weight"):
        return not (node.op in ("conv", "conv_input") and node.attrs[-1]) or access.strides[-1] == 1 or node.inputs[0].shape[-1] == 1
    shape, strides = node.inputs[place].shape[2:], access.strides[2:]
    apart = 1
    if node.op != "conv_weight":
        apart = next((s for n, s in zip(reversed(shape), reversed(strides)) if n > 1), 1)
    return all(n == 1 or s == c * apart for n, s, c in zip(shape, strides, steps_of(shape)))


def calls_take(node: Node, place: int, access: Access) -> bool:
    """Whether a library reads an operand that lies so: matrices by `leading`, images and weights without gaps."""
    x = node.inputs[place]
    if node.op != "matmul":
        return access == Access(access.offset, steps_of(x.shape))
    return leading(x.shape[-2:], access.strides[-2:]) is not None


def leading(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[bool, int] | None:
    """A matrix as BLAS has it: whether its columns lie side by side, and the step to the next row (or column).

    None for one whose rows and columns both have gaps or overlap.
    """
    (m, n), (row, column) = shape, strides
    if (column == 1 or n == 1) and (row >= n or m == 1):
        return False, max(row if m > 1 else n, 1)
    if (row == 1 or m == 1) and (column >= m or n == 1):
        return True, max(column if n > 1 else m, 1)
    return None


def scale_in(node: Node, x: Node) -> float | None:
    """The number by which a node multiplies x, if it does that and the number is known."""
    if node.op != "multiply" or node.shape != x.shape:
        return None
    other = node.inputs[1] if node.inputs[0] is x else node.inputs[0]
    found = None if other is x else number_in(other)
    return None if found is None else float(found)


def widens(node: Node, halves: tuple[str, ...]) -> bool:
    """Whether a node is numbers of half precision, of one of the dtypes named, as float32."""
    return node.op == "cast" and node.dtype.name == "float32" and node.inputs[0].dtype.name in halves


def operand_strides(x: Node, base: Node) -> Access | None:
    """How a product's operand lies in the memory of `base`: an access over its dimensions; None if no strides say it."""
    extents, access, node = x.shape, Access(0, steps_of(x.shape)), x
    try:
        while node is not base:
            access = access if node.op == "cast" else through(node, access, extents)
            node = node.inputs[0]
        return access
    except (Split, NotLinear):
        return None
