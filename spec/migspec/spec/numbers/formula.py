"""The language in which relations between the numbers of query-migrate are written, and its translation.

A formula is one condition in Python's spelling. `ram.normal_bytes` is a member of the answer, with an underscore
for each hyphen; `before.ram.normal_bytes` is the same member of the answer before it on the same monitor;
`passes.asked` and `passes.seen` are the last MIGRATION_PASS that the monitor had shown when the query was made and
when it was answered; `parameter.max_cpu_throttle` is a migration parameter in force. `given(x)` is x, or 0 where
the attempt is known to do without it, and `largest(x)` the largest element of a list. A name in capitals is one of
`CONSTANTS`. The formulas that apply to answers of one kind are translated together into one function, so that
judging an answer costs little more than the comparisons themselves.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Protocol

CONSTANTS: Mapping[str, int] = {
    "TORN": 64,
    "BATCH": 128,
    "ROUNDING": 1,
    "SIZES": 1 << 64,
}
"""The tolerances of formulas, and the number of sizes that there are.

`TORN` pages may be sent between the reading of one counter and the next: QEMU reads them without a lock, and 12
were seen. `BATCH` pages are gathered before they go over a multifd channel. `ROUNDING` milliseconds are between two
clocks that count the same time. Where a size is shown as a signed number, one of 2**63 or more lacks `SIZES`.
"""

_OPERATORS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "",
    ast.NotEq: "other than ",
    ast.Lt: "less than ",
    ast.LtE: "at most ",
    ast.Gt: "more than ",
    ast.GtE: "at least ",
}
_MIRRORED: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "",
    ast.NotEq: "other than ",
    ast.Lt: "more than ",
    ast.LtE: "at least ",
    ast.Gt: "less than ",
    ast.GtE: "at most ",
}
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Mod)
_FUNCTIONS = ("given", "largest")


class Seen(Protocol):
    """What formulas read beside answers: passes as MIGRATION_PASS counts them, and parameters by their name."""

    passes_asked: int
    passes_seen: int
    parameters: Mapping[str, int]


Holds = Callable[[Any, Any, Any], Any]
"""Whether formulas hold of an answer, the one before it, and a `Seen`; the result is true or false as such."""


class FormulaError(Exception):
    """A formula is not in the language.

    `text` is the formula, `problem` what is wrong with it.
    """

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(f"{text!r} {problem}")
        self.text = text
        self.problem = problem


class Mention(NamedTuple):
    """A name in a formula: where it is looked up, its dotted path in the schema's spelling, and whether it may lack."""

    root: str
    path: str
    optional: bool = False

    @property
    def member(self) -> str:
        """The member of MigrationInfo that it is, or is in."""
        return self.path.partition(".")[0]


ANSWER, BEFORE, PASSES, PARAMETER = "answer", "before", "passes", "parameter"


@dataclass(frozen=True)
class Formula:
    """A formula, parsed.

    Raises `FormulaError` where the text is not in the language.
    """

    text: str

    def __post_init__(self) -> None:
        for _ in _checked(self.tree, self.text):
            pass

    @cached_property
    def tree(self) -> ast.expr:
        """The condition as Python reads it."""
        try:
            return ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            raise FormulaError(self.text, f"cannot be parsed ({error.msg})") from None

    @cached_property
    def mentions(self) -> frozenset[Mention]:
        """Everything that is read."""
        return frozenset(_checked(self.tree, self.text))

    def of(self, root: str) -> frozenset[Mention]:
        """What is read from one place."""
        return frozenset(mention for mention in self.mentions if mention.root == root)


def _checked(tree: ast.expr, text: str) -> Iterator[Mention]:
    match tree:
        case ast.BoolOp(values=operands):
            for operand in operands:
                yield from _checked(operand, text)
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _OPERATORS for op in ops):
            for operand in (left, *others):
                yield from _checked(operand, text)
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _ARITHMETIC):
            yield from _checked(left, text)
            yield from _checked(right, text)
        case ast.Constant(value=int() | float()):
            pass
        case ast.Name(id=name) if name in CONSTANTS:
            pass
        case ast.Name() | ast.Attribute():
            yield _mention(tree, text)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            for mention in _checked(argument, text):
                yield mention._replace(optional=name == "given")
        case _:
            raise FormulaError(text, f"has {ast.unparse(tree)!r}, which the language lacks")


def _mention(tree: ast.expr, text: str) -> Mention:
    parts = ast.unparse(tree).replace("_", "-").split(".")
    if not all(re.fullmatch("[a-z]+(-[a-z]+)*", part) for part in parts):
        raise FormulaError(text, f"has {ast.unparse(tree)!r}, which is no name")
    if parts[0] in (BEFORE, PASSES, PARAMETER) and len(parts) > 1:
        return Mention(parts[0], ".".join(parts[1:]))
    return Mention(ANSWER, ".".join(parts))


# ---- translation ----


class _Translation(ast.NodeTransformer):
    """Puts what names stand for in their place, as parameters and local variables of the function to be made."""

    def __init__(self, members: frozenset[str]) -> None:
        self.members = members
        self.sources: dict[str, str] = {}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A tolerance, or a member at top level."""
        return ast.Constant(CONSTANTS[node.id]) if node.id in CONSTANTS else self._read(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Anything with a dot in it."""
        return self._read(node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """`given` and `largest`."""
        (argument,) = node.args
        if ast.unparse(node.func) == "largest":
            return ast.Call(ast.Name("max"), [self.visit(argument)], [ast.keyword("default", ast.Constant(0))])
        given = _mention(argument, "").member in self.members
        found: ast.expr = self.visit(argument) if given else ast.Constant(0)
        return found

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """A sum that may have lost a part, for it was not given."""
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Add) and isinstance(right, ast.Constant) and not right.value:
            found: ast.expr = left
            return found
        return ast.BinOp(left, node.op, right)

    def _read(self, node: ast.expr) -> ast.expr:
        mention = _mention(node, "")
        path = mention.path.replace("-", "_")
        match mention.root:
            case "passes":
                source = f"seen.passes_{path}"
            case "parameter":
                source = f"seen.parameters[{mention.path!r}]"
            case root:
                source = f"{root}.{path}"
        name = re.sub(r"\W+", "_", source).strip("_") + "_"
        self.sources[name] = source
        return ast.Name(name)


class Translated(NamedTuple):
    """A formula in Python's terms: its condition, and the variables in it with what each stands for."""

    condition: str
    sources: tuple[tuple[str, str], ...]


@lru_cache(maxsize=1024)
def _translated(text: str, members: frozenset[str]) -> Translated:
    translation = _Translation(members)
    condition = ast.unparse(translation.visit(ast.parse(text, mode="eval").body))
    return Translated(condition, tuple(translation.sources.items()))


def compiled(formulas: Iterable[Formula], members: frozenset[str]) -> Holds:
    """One function that tells whether all formulas hold of answers with just these members."""
    return _function([_translated(formula.text, members) for formula in formulas])


def _function(parts: Iterable[Translated]) -> Holds:
    """A function that first looks up what is read, each struct and each number once, and then the conditions."""
    sources: dict[str, str] = {}
    conditions = []
    for part in parts:
        sources.update(part.sources)
        conditions.append(f"({part.condition})")
    holders = {source.rpartition(".")[0] for source in sources.values()} - {"", "answer", "before", "seen"}
    structs = {holder: holder.replace(".", "_") for holder in sorted(holders)}
    lines = [f"{name} = {holder}" for holder, name in structs.items()]
    for name, source in sources.items():
        holder, _, last = source.rpartition(".")
        lines.append(f"{name} = {structs[holder]}.{last}" if holder in structs else f"{name} = {source}")
    lines.append(f"return {' and '.join(conditions) or True}")
    text = "def holds(answer, before, seen):\n" + "".join(f"    {line}\n" for line in lines)
    made: dict[str, Any] = {}
    exec(compile(text, "<relations>", "exec"), {"__builtins__": {"max": max}}, made)
    holds: Holds = made["holds"]
    return holds


# ---- what a broken formula says ----


def broken(formula: Formula, members: frozenset[str], answer: object, before: object, seen: object) -> str:
    """Why a formula does not hold of an answer, in one sentence with the numbers in it."""

    def value(tree: ast.expr) -> object:
        return _value_of(ast.unparse(tree), members)(answer, before, seen)

    (left, op, right), given = _claim(formula.tree, value)
    if isinstance(left, ast.Constant):
        left, right, words = right, left, _MIRRORED[type(op)]
    else:
        words = _OPERATORS[type(op)]
    told = f"{_shown(left)} is {value(left)}; it should be {words}{_shown(right)}"
    if not isinstance(right, ast.Constant):
        told += f", which is {value(right)}"
    told_already = {*_leaves(left), *_leaves(right)}
    leaves = {
        text: tree
        for premise in given
        for text, tree in _leaves(premise).items()
        if text not in told_already and f"given({text})" not in formula.text
    }
    if leaves:
        told += f", as {' and '.join(f'{_shown(tree)} is {value(tree)}' for tree in leaves.values())}"
    return told + "."


@lru_cache(maxsize=1024)
def _value_of(text: str, members: frozenset[str]) -> Holds:
    return _function([_translated(text, members)])


_Claim = tuple[ast.expr, ast.cmpop, ast.expr]


def _claim(tree: ast.expr, value: Callable[[ast.expr], object]) -> tuple[_Claim, list[ast.expr]]:
    """The comparison that fails, and what made it necessary.

    Of alternatives it is in the last one, the others being why; of several demands in the first that is not met.
    """
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.Or):
        claim, given = _claim(tree.values[-1], value)
        return claim, [*tree.values[:-1], *given]
    if isinstance(tree, ast.BoolOp):
        return _claim(next(part for part in tree.values if not value(part)), value)
    if isinstance(tree, ast.Compare):
        operands = [tree.left, *tree.comparators]
        for left, op, right in zip(operands, tree.ops, operands[1:], strict=False):
            if not value(ast.Compare(left, [op], [right])):
                return (left, op, right), []
    raise FormulaError(ast.unparse(tree), "holds")


def _leaves(tree: ast.expr) -> dict[str, ast.expr]:
    """The names in a formula, in order, by their text."""
    found: dict[str, ast.expr] = {}
    for node in ast.walk(tree):
        is_name = isinstance(node, ast.Attribute) or (
            isinstance(node, ast.Name) and node.id not in (*CONSTANTS, *_FUNCTIONS)
        )
        if is_name and isinstance(node, ast.expr):
            text = ast.unparse(node)
            if not any(known.startswith(f"{text}.") for known in found):
                found[text] = node
    return found


def _shown(tree: ast.expr) -> str:
    """An expression in the schema's spelling."""
    text = re.sub(r"\bgiven\(([\w.]+)\)", r"\1", ast.unparse(tree))
    for name, number in CONSTANTS.items():
        text = re.sub(rf"\b{name}\b", str(number), text)
    text = text.replace("_", "-").replace(" * ", " × ")
    text = re.sub(r"\bpasses\.asked\b", "the last pass shown before the query", text)
    text = re.sub(r"\bpasses\.seen\b", "the last pass shown", text)
    text = re.sub(r"\bparameter\.([\w-]+)", r"the parameter \1", text)
    return re.sub(r"\bbefore\.([\w.-]+)", r"\1 in the answer before", text)
