"""Which of PyTorch's names a program uses: read from its text, without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from .names import members
from .rooms import TOPS

FOREIGN = ""
"""What a name stands for that another library's import has bound."""

IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException", "AttributeError"}


@dataclass(frozen=True)
class Use:
    """A place where a name is used. optional: the program catches the error if it is not there."""

    name: str
    file: str
    line: int
    optional: bool = False


class Reader:
    """Reads the text of one program, in one piece or cell by cell; `uses` collects what it finds."""

    def __init__(self, file: str):
        self.file = file
        self.uses: list[Use] = []
        self._scopes: list[dict[str, str | None]] = [{}]
        self._stars: list[str] = []
        self._later: list[tuple[ast.AST, list[dict[str, str | None]]]] = []
        self._guarded = False

    def read(self, source: str, first_line: int = 1) -> None:
        """Read a piece of the program. SyntaxError if it is no Python."""
        tree = ast.parse(source)
        ast.increment_lineno(tree, first_line - 1)
        self._block(tree.body)
        # A function's body runs after the lines below it have been read.
        while self._later:
            function, scopes = self._later.pop(0)
            outer, self._scopes = self._scopes, [*scopes, dict.fromkeys(_parameters(function))]
            body = function.body if isinstance(function.body, list) else [function.body]  # type: ignore[attr-defined]
            self._block(body)
            self._scopes = outer

    def _block(self, nodes) -> None:
        for node in nodes:
            self._visit(node)

    def _visit(self, node: ast.AST) -> None:
        method = getattr(self, f"_{type(node).__name__}", None)
        if method is not None:
            method(node)
        else:
            self._block(ast.iter_child_nodes(node))

    def _note(self, name: str, node: ast.AST) -> None:
        self.uses.append(Use(name, self.file, getattr(node, "lineno", 0), self._guarded))

    def _bind(self, name: str, meaning: str | None) -> None:
        self._scopes[-1][name] = meaning

    def _meaning(self, node: ast.AST) -> str | None:
        """PyTorch's dotted name that an expression stands for, or FOREIGN; None for any other expression."""
        if isinstance(node, ast.Name):
            for scope in reversed(self._scopes):
                if node.id in scope:
                    return scope[node.id]
            for module in self._stars:
                if node.id in members(module):
                    return f"{module}.{node.id}"
            return None
        if isinstance(node, ast.Attribute):
            inner = self._meaning(node.value)
            return f"{inner}.{node.attr}" if inner else inner
        return None

    def _Import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            if top not in TOPS:
                self._bind(alias.asname or top, FOREIGN)
                continue
            self._note(alias.name, node)
            self._bind(alias.asname or top, alias.name if alias.asname else top)

    def _ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        ours = node.level == 0 and module.partition(".")[0] in TOPS
        for alias in node.names:
            if alias.name == "*":
                if ours:
                    self._note(module, node)
                    self._stars.append(module)
                continue
            name = f"{module}.{alias.name}"
            if ours:
                self._note(name, node)
            self._bind(alias.asname or alias.name, name if ours else FOREIGN)

    def _Attribute(self, node: ast.Attribute) -> None:
        meaning = self._meaning(node)
        if meaning is not None:
            if meaning is not FOREIGN:
                self._note(meaning, node)
            return
        if isinstance(node.ctx, ast.Load):
            self._note(f".{node.attr}", node)
        self._visit(node.value)

    def _Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            meaning = self._meaning(node)
            if meaning and not any(node.id in scope for scope in self._scopes):
                self._note(meaning, node)
        else:
            self._bind(node.id, None)

    def _Assign(self, node: ast.Assign) -> None:
        self._visit(node.value)
        meaning = self._meaning(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._bind(target.id, meaning)
            else:
                self._visit(target)

    def _Try(self, node: ast.Try) -> None:
        caught = {name for handler in node.handlers for name in _names(handler.type)}
        outer = self._guarded
        self._guarded = outer or bool(caught & IMPORT_ERRORS) or any(h.type is None for h in node.handlers)
        self._block(node.body)
        self._guarded = outer
        self._block([*node.handlers, *node.orelse, *node.finalbody])

    def _ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._block(node.body)

    def _FunctionDef(self, node) -> None:
        self._bind(node.name, None)
        arguments = node.args
        annotations = [a.annotation for a in _arguments(arguments) if a.annotation is not None]
        defaults = [d for d in (*arguments.defaults, *arguments.kw_defaults) if d is not None]
        self._block([*node.decorator_list, *defaults, *annotations, *([node.returns] if node.returns else [])])
        self._later.append((node, list(self._scopes)))

    _AsyncFunctionDef = _FunctionDef

    def _Lambda(self, node: ast.Lambda) -> None:
        self._block([d for d in (*node.args.defaults, *node.args.kw_defaults) if d is not None])
        self._later.append((node, list(self._scopes)))

    def _ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node.name, None)
        self._block([*node.decorator_list, *node.bases, *(k.value for k in node.keywords)])
        self._scopes.append({})
        self._block(node.body)
        # The names of a class's body are not those of its methods.
        gone = self._scopes.pop()
        self._later = [(f, [s for s in scopes if s is not gone]) for f, scopes in self._later]


def _arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from (a for a in (arguments.vararg, arguments.kwarg) if a is not None)


def _parameters(function) -> list[str]:
    return [a.arg for a in _arguments(function.args)]


def _names(node: ast.AST | None) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    return [name for item in node.elts for name in _names(item)] if isinstance(node, ast.Tuple) else []
