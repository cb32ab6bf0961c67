"""What each process called, compared with what its neighbours called: collectives that differ compute nonsense or hang.

The members of a group stand in a ring. Each tells the next one, every now and then, what it has called in the group since;
if any two members differ, so do some two neighbours.
"""

from __future__ import annotations

Entry = tuple
"""An operation's name, and what must be the same everywhere: reduction, dtype, number of elements, root."""


class _Line:
    """The operations in one group: this process's, from number `first` on, and those that its neighbour told it."""

    def __init__(self, after: int, before: int):
        self.after, self.before = after, before
        self.first = self.sent = self.compared = 1
        self.own: list[Entry] = []
        self.theirs: list[Entry] = []


class Ledger:
    """The operations of one process, by group. One thread notes, another one sends and compares."""

    def __init__(self, rank: int):
        self._rank = rank
        self._lines: dict[str, _Line] = {}
        self._early: dict[str, list[Entry]] = {}

    def note(self, group: str, members: list[int], entry: Entry) -> None:
        """This process calls an operation of a group."""
        line = self._lines.get(group)
        if line is None:
            if len(members) < 2:
                return
            at = members.index(self._rank)
            line = _Line(members[(at + 1) % len(members)], members[at - 1])
            line.theirs = self._early.pop(group, [])
            self._lines[group] = line
        line.own.append(entry)

    def unsent(self) -> list[tuple[int, str, list[Entry]]]:
        """(to whom, group, operations): what was not told yet."""
        found = []
        for group, line in list(self._lines.items()):
            new = line.own[line.sent - line.first :]
            if new:
                line.sent += len(new)
                found.append((line.after, group, new))
        return found

    def heard(self, group: str, entries: list[Entry]) -> None:
        """What the neighbour tells of a group, in its order."""
        line = self._lines.get(group)
        (self._early.setdefault(group, []) if line is None else line.theirs).extend(entries)

    def difference(self) -> tuple[str, int, Entry, int, Entry] | None:
        """(group, number, this process's operation, the neighbour, its operation) of the first that differ; or None."""
        for group, line in list(self._lines.items()):
            # A group may be known to the neighbour first.
            line.theirs += self._early.pop(group, [])
            count = min(len(line.theirs), len(line.own) - (line.compared - line.first))
            start = line.compared - line.first
            for i in range(count):
                if line.own[start + i] != line.theirs[i]:
                    return group, line.compared + i, line.own[start + i], line.before, line.theirs[i]
            line.compared += count
            del line.theirs[:count]
            done = min(line.compared, line.sent) - line.first
            del line.own[:done]
            line.first += done
        return None

    def neighbours(self) -> set[int]:
        """Those who tell this process what they called."""
        return {line.before for line in self._lines.values()}


def shown(entry: Entry) -> str:
    """An operation in words."""
    name, *facts = entry
    return f"{name}({', '.join(str(f) for f in facts if f is not None)})" if facts else name
