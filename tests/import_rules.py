"""Reads sources as modules with what they import and use, so that rules about them can be stated and tested.

Nothing is imported or run: only syntax trees are walked. `import_module("name")` with a literal name counts.
"""

import ast
import graphlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

TYPE_CHECKING_TESTS = frozenset({"TYPE_CHECKING", "typing.TYPE_CHECKING"})


class Moment(Enum):
    """When an import takes effect."""

    LOADING = "when the module is loaded"
    CALLING = "when a function is called"
    TYPING = "only for the type checker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A dotted name that a module imports or uses: `from os import environ` gives `os.environ`."""

    name: str
    line: int
    moment: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One source file: its dotted name, its imports, what it uses of what it imported, its length."""

    name: str
    imports: tuple[Mention, ...]
    uses: tuple[Mention, ...]
    lines: int


Rule = Callable[[list[Module]], list[str]]


def is_within(name: str, prefixes: Iterable[str]) -> bool:
    """Whether the dotted name is one of the prefixes or lies below one."""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def read_package(folder: Path) -> list[Module]:
    """Every module of the package in `folder`, in order of name."""
    modules = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules.append(read_module(name, path.read_text(encoding="utf-8")))
    return modules


def read_module(name: str, source: str) -> Module:
    """The module that this source is."""
    tree = ast.parse(source)
    moments = dict(walk(tree, Moment.LOADING))
    imports: list[Mention] = []
    bound = {"open": "builtins.open", "__import__": "builtins.__import__"}
    for node, moment in moments.items():
        for imported, local_name, local_meaning in imports_of(node):
            imports.append(Mention(name=imported, line=line_of(node), moment=moment))
            bound[local_name] = local_meaning
    uses = []
    for node, moment in moments.items():
        if isinstance(node, ast.Attribute | ast.Name) and (used := resolve(node, bound)):
            uses.append(Mention(name=used, line=node.lineno, moment=moment))
        if isinstance(node, ast.Call) and (loaded := loaded_by_name(node, bound)):
            imports.append(Mention(name=loaded, line=node.lineno, moment=moment))
    return Module(name=name, imports=tuple(imports), uses=tuple(uses), lines=len(source.splitlines()))


def walk(node: ast.AST, moment: Moment) -> Iterator[tuple[ast.AST, Moment]]:
    """Every node below this one, with the moment at which it takes effect."""
    yield node, moment
    for child in ast.iter_child_nodes(node):
        yield from walk(child, moment_of(child, node, moment))


def moment_of(child: ast.AST, parent: ast.AST, moment: Moment) -> Moment:
    if moment is not Moment.LOADING:
        return moment
    if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef) and child in parent.body:
        return Moment.CALLING
    if isinstance(parent, ast.If) and child in parent.body and ast.unparse(parent.test) in TYPE_CHECKING_TESTS:
        return Moment.TYPING
    return moment


def imports_of(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """What an import statement imports, the local name it binds, and the dotted name that this stands for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            root = alias.name.partition(".")[0]
            yield alias.name, alias.asname or root, alias.name if alias.asname else root
    if isinstance(node, ast.ImportFrom):
        source = "." * node.level + (node.module or "")
        for alias in node.names:
            yield f"{source}.{alias.name}", alias.asname or alias.name, f"{source}.{alias.name}"


def resolve(node: ast.AST, bound: dict[str, str]) -> str | None:
    """The dotted name that `os.environ` or the like stands for, if it begins with an import or `open`."""
    if isinstance(node, ast.Name):
        return bound.get(node.id)
    if isinstance(node, ast.Attribute) and (owner := resolve(node.value, bound)):
        return f"{owner}.{node.attr}"
    return None


def loaded_by_name(node: ast.Call, bound: dict[str, str]) -> str | None:
    """The module that `import_module("...")` or `__import__("...")` loads, when its name is a literal."""
    if resolve(node.func, bound) not in ("importlib.import_module", "builtins.__import__"):
        return None
    match node.args:
        case [ast.Constant(value=str(name)), *_]:
            return name
    return None


def line_of(node: ast.AST) -> int:
    return node.lineno if isinstance(node, ast.stmt) else 0


def find_imports(modules: Iterable[Module], where: Callable[[str], bool], what: Callable[[str], bool]) -> list[str]:
    """`module:line: imports name` for each import whose module and name both match."""
    return [
        f"{module.name}:{mention.line}: imports {mention.name}"
        for module in modules
        if where(module.name)
        for mention in module.imports
        if what(mention.name)
    ]


def find_uses(modules: Iterable[Module], where: Callable[[str], bool], names: Iterable[str]) -> list[str]:
    """`module:line: uses name` for each use of these names, or of what lies below, in a matching module."""
    names = tuple(names)
    return [
        f"{module.name}:{mention.line}: uses {mention.name}"
        for module in modules
        if where(module.name)
        for mention in module.uses
        if is_within(mention.name, names)
    ]


def find_cycle(modules: Sequence[Module]) -> list[str]:
    """The names along one import cycle, first and last the same; empty where there is none."""
    known = {module.name for module in modules}
    graph = {
        module.name: {owner_of(each.name, known) for each in module.imports if each.moment is Moment.LOADING}
        - {None, module.name}
        for module in modules
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


def owner_of(name: str, known: set[str]) -> str | None:
    """The module of ours that an imported name is or is taken from."""
    if name in known:
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in known else None


def find_reached(modules: Sequence[Module], start: str) -> dict[str, str]:
    """Every import that loading and calling `start` can lead to, with the module of ours that makes it."""
    by_name = {module.name: module for module in modules}
    reached: dict[str, str] = {}
    waiting, seen = [start], set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in by_name:
            continue
        seen.add(name)
        if parent := name.rpartition(".")[0]:
            waiting.append(parent)
        for mention in by_name[name].imports:
            if mention.moment is not Moment.TYPING:
                reached[mention.name] = name
                waiting += [each for each in [owner_of(mention.name, set(by_name))] if each]
    return reached
