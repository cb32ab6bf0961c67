"""The texts of a program: each stage between the function that was captured and the machine's instructions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from .graph import LEAVES, Node, printed


class Stages(Mapping[str, str]):
    """Names of stages, in order, and their texts, each written when it is first asked for.

    captured: the graph. kernels: what is computed together, over which dimensions, and what it reads. llvm: the code as
    it is emitted. optimised: the same after LLVM's passes. assembly: the machine's instructions; ptx: a GPU's. call: the
    Python function that checks the arguments and enters the program. Those of a backward program begin with "backward ".
    Without llvmlite there are the first and the last alone.
    """

    def __init__(self, writers: dict[str, Callable[[], str]]):
        self._writers = writers
        self._texts: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._texts:
            self._texts[name] = self._writers[name]()
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._writers)

    def __len__(self) -> int:
        return len(self._writers)

    def __repr__(self) -> str:
        return f"Stages({', '.join(self)})"


def stages(step, function: Callable, device: str | None = None) -> Stages:
    """The stages of a step; device: an architecture of GPUs, for which its programs are written, whether there is one.

    ValueError for an architecture that is not known.
    """
    names: dict[Node, str] = {}

    def known() -> dict[Node, str]:
        if not names:
            from .naming import leaf_names

            names.update(leaf_names(step.captured, function))
        return names

    programs = [step.program] + ([] if step.backward is None else [step.backward.program])
    if device is not None:
        programs = [_for_gpu(p, graph, device) for p, graph in zip(programs, graphs_of(step))]
    writers = _of_program(programs[0], known, "")
    if step.backward is not None:
        backward = step.backward
        writers |= _of_program(programs[1], lambda: _backward_names(backward), "backward ")
    if device is None:
        writers["call"] = lambda: step.source
    return Stages(writers)


def graphs_of(step) -> list:
    """The graph of a step, and of its backward program if it has one."""
    return [step.captured.graph] + ([] if step.backward is None else [step.backward.graph])


def _for_gpu(program, graph, device: str):
    """The program of the same graph for GPUs of an architecture, to be looked at."""
    from ..native.machine import gpu
    from .cuda.program import CudaProgram

    return CudaProgram(graph, program.results, program.state, gpu(device), getattr(program, "hosted", frozenset()))


def _backward_names(backward) -> dict[Node, str]:
    """The leaves of a backward program: gradients that it is given, then what the forward program saved."""
    given = len(backward.gradients.given)
    names = [f"gradient of result {i}" for i in backward.gradients.outputs]
    names += [f"saved %{n.number}" for n in backward.saved]
    assert len(names) == given + len(backward.saved)
    return dict(zip(backward.leaves, names))


def _of_program(program, names: Callable[[], dict[Node, str]], prefix: str) -> dict[str, Callable[[], str]]:
    writers = {"captured": lambda: printed(program.results, names())}
    if program.entries or program.kernels:
        # Interpreted programs have neither.
        writers |= {
            "kernels": lambda: scheduled(program, names()),
            "llvm": lambda: _codes(program, lambda text, machine: text),
            "optimised": lambda: _codes(program, _optimised),
            "ptx" if program.machine.gpu else "assembly": lambda: _codes(program, _assembly),
        }
    return {prefix + name: write for name, write in writers.items()}


def scheduled(program, names: Mapping[Node, str]) -> str:
    """The kernels of a program in their order: what each computes, its dimensions, what it reads and stores."""
    from .describe import what

    def shown(node: Node) -> str:
        return f"%{node.number} {names[node]}" if node in names else f"%{node.number}"

    def stored(node: Node) -> str:
        old = program.state.get(node)
        return f"%{node.number}" if old is None else f"%{node.number} over {shown(old)}"

    lines = []
    for i, kernel in enumerate(program.kernels, 1):
        lines.append(f"kernel {i}: {what(kernel)}")
        if kernel.roots:
            space = kernel.walk().space
            kept = " x ".join(map(str, space.extents[: space.kept]))
            reduced = " x ".join(map(str, space.extents[space.kept :]))
            lines.append(f"  over    {kept}" + (f", reducing {reduced}" if reduced else ""))
        read = sorted((n for n in kernel.loads() if n.op not in LEAVES or n in names), key=lambda n: n.number)
        lines.append(f"  reads   {', '.join(map(shown, read)) or 'nothing'}")
        written = [r.target for r in kernel.roots if r.into is not None or r.node not in kernel.silent]
        written = written or kernel.parts or [kernel.node]
        lines.append(f"  stores  {', '.join(map(stored, written))}")
        lines += [f"  runs    {e.how}" for e in program.entries if program.machine.gpu and kernel in e.kernels]
    lines.append(f"arena: {program.arena_size} bytes")
    return "\n".join(lines)


def _codes(program, write: Callable) -> str:
    """The code of every entry, under the name of its kernel; code that several kernels share is written once."""
    kernels = program.kernels
    texts: dict[str, str] = {}
    count: dict[int, int] = {}
    parts = []
    comment = "//" if program.machine.gpu and write is _assembly else ";"
    for entry in program.entries:
        if program.machine.gpu:
            number = kernels.index(entry.kernels[0]) + 1
            if not entry.text:
                parts.append(f"{comment} kernel{number}: {entry.how}")
                continue
        else:
            number = kernels.index(entry.kernel) + 1
        count[number] = count.get(number, 0) + 1
        name = f"kernel{number}" + ("" if count[number] == 1 else f"_{count[number]}")
        if entry.text in texts:
            parts.append(f"{comment} {name}: as {texts[entry.text]}")
            continue
        texts[entry.text] = name
        parts.append(f"{comment} {name}\n" + write(entry.text.replace("@KERNEL", "@" + name), program.machine).strip())
    return "\n\n".join(parts)


def _optimised(text: str, machine) -> str:
    from ..native import library

    return str(library.optimised(library.parsed(text, machine), machine))


def _assembly(text: str, machine) -> str:
    from ..native import library

    return library.assembly(text, machine)
