"""Mutants of the contracts: small faults, each put at one place of the source's syntax tree.

The tree is the compiler's, so no comment and no string is ever changed. A mutant is named by its function and by what it changes, not
by its line, so that a recorded result and an explanation stay with it while other code moves.
"""

import hashlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]

BINARY = {
    "+": "-", "-": "+", "*": "/", "/": "*", "%": "/", "<<": ">>", ">>": "<<", "&": "|", "|": "&", "^": "&",
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&",
}  # fmt: skip
ASSIGNMENT = {"+=": "-=", "-=": "+=", "*=": "/=", "|=": "=", "&=": "=", ">>=": "<<=", "<<=": ">>=", "^=": "="}


@dataclass(frozen=True)
class Mutant:
    """Bytes `start` to `end` of `path` become `text`."""

    path: str
    function: str
    operator: str
    start: int
    end: int
    before: str
    text: str
    line: int
    occurrence: int
    """The how manieth of the same function, operator and texts it is."""
    whole: tuple[int, int] | None = None
    """Bytes of the expression or statement that the change is in; none where it can't be chosen while the code runs."""
    is_statement: bool = False
    """Whether `whole` is a statement."""
    cast: str = ""
    """The type that a number has where it stands, as far as the tree says."""

    @property
    def name(self) -> str:
        """Ten characters that name it for good."""
        parts = (self.path, self.function, self.operator, self.before, self.text, str(self.occurrence))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]

    def applied(self, source: str) -> str:
        """The source with the fault."""
        raw = source.encode()
        return (raw[: self.start] + self.text.encode() + raw[self.end :]).decode()


@dataclass(frozen=True)
class _Change:
    operator: str
    start: int
    end: int
    text: str
    whole: tuple[int, int] | None = None
    is_statement: bool = False
    cast: str = ""


def mutants_of(path: str, source: str, tree: Node) -> list[Mutant]:
    """All mutants of one source. `tree` is its AST in the compiler's JSON."""
    raw = source.encode()
    found: list[Mutant] = []
    seen: dict[tuple[str, str, str, str], int] = {}
    for function, node in _bodies(tree):
        # Of two that are the same change, the one inside more of the code is kept: either switches it.
        changes = {(change.start, change.end, change.operator, change.text): change for change in _changes(node, raw)}
        for _, change in sorted(changes.items()):
            before = raw[change.start : change.end].decode()
            if before == change.text:
                continue
            key = (function, change.operator, before, change.text)
            seen[key] = seen.get(key, 0) + 1
            line = raw[: change.start].count(b"\n") + 1
            # What is computed when it is compiled can't be switched.
            is_fixed = node["nodeType"] not in ("FunctionDefinition", "ModifierDefinition") or change.cast.startswith("int_const")
            whole = None if is_fixed else change.whole
            found.append(
                Mutant(
                    path,
                    function,
                    change.operator,
                    change.start,
                    change.end,
                    before,
                    change.text,
                    line,
                    seen[key],
                    whole,
                    change.is_statement,
                    change.cast,
                )
            )
    return found


def _bodies(tree: Node) -> Iterator[tuple[str, Node]]:
    """Functions with a body, and constants."""
    for node in _walk(tree):
        kind = node["nodeType"]
        if kind in ("FunctionDefinition", "ModifierDefinition") and node.get("body"):
            yield str(node["name"] or node.get("kind", kind)), node
        elif kind == "VariableDeclaration" and node.get("constant") and node.get("value"):
            yield node["name"], node["value"]


def _walk(node: Any) -> Iterator[Node]:
    if isinstance(node, dict):
        if "nodeType" in node:
            yield node
        for value in node.values():
            yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)


def _span(node: Node) -> tuple[int, int]:
    start, length, _ = map(int, node["src"].split(":"))
    return start, start + length


def _between(raw: bytes, left: Node, right: Node, operator: str) -> tuple[int, int]:
    """Where the operator between two operands is; brackets and comments may be there too."""
    start = _span(left)[1]
    blank = re.sub(rb"//[^\n]*", lambda match: b" " * len(match[0]), raw[start : _span(right)[0]])
    at = start + blank.index(operator.encode())
    return at, at + len(operator)


def _text(raw: bytes, node: Node) -> str:
    start, end = _span(node)
    return raw[start:end].decode()


def _changes(body: Node, raw: bytes) -> Iterator[_Change]:
    for node in _walk(body):
        kind = node["nodeType"]
        if kind == "BinaryOperation":
            _tell_numbers_their_type(node)
        elif kind in ("EmitStatement", "RevertStatement"):
            # What they call has no value: all of the statement is chosen.
            node["eventCall" if kind == "EmitStatement" else "errorCall"]["mutantStatement"] = _statement_span(node, raw)
        make = _BY_KIND.get(kind)
        if make:
            yield from make(node, raw)


def _tell_numbers_their_type(node: Node) -> None:
    """A number beside a value has that value's type, and would have the smallest that holds it if it were chosen by a condition.

    Beside another number it has no type at all: the compiler computes without bounds there.
    """
    for side in ("leftExpression", "rightExpression"):
        is_count = side == "rightExpression" and node["operator"] in ("<<", ">>", "**")
        if node[side]["nodeType"] == "Literal" and not is_count:
            node[side]["mutantCast"] = node["commonType"]["typeString"]


def _binary(node: Node, raw: bytes) -> Iterator[_Change]:
    # A condition's comparison is also negated, by the statement.
    yield _Change(
        "operator",
        *_between(raw, node["leftExpression"], node["rightExpression"], node["operator"]),
        BINARY.get(node["operator"], "+"),
        _span(node),
        # Of two numbers: computed without bounds.
        cast=node["commonType"]["typeString"] if node["typeDescriptions"]["typeString"].startswith("int_const") else "",
    )


def _assignment(node: Node, raw: bytes) -> Iterator[_Change]:
    if node["operator"] in ASSIGNMENT:
        place = _between(raw, node["leftHandSide"], node["rightHandSide"], node["operator"])
        yield _Change("assignment", *place, ASSIGNMENT[node["operator"]], _span(node))


def _unary(node: Node, raw: bytes) -> Iterator[_Change]:
    operand = _text(raw, node["subExpression"])
    if node["operator"] in ("!", "~", "-"):
        yield _Change("unary", *_span(node), operand, _span(node))
    elif node["operator"] in ("++", "--"):
        other = "--" if node["operator"] == "++" else "++"
        yield _Change("unary", *_span(node), other + operand if node["prefix"] else operand + other, _span(node))


def _literal(node: Node, raw: bytes) -> Iterator[_Change]:
    if node["kind"] == "bool":
        yield _Change("constant", *_span(node), "false" if node["value"] == "true" else "true", _span(node))
    elif node["kind"] == "number" and not node.get("subdenomination") and "address" not in node["typeDescriptions"]["typeString"]:
        yield _Change("constant", *_span(node), f"({_text(raw, node)} + 1)", _span(node), cast=node.get("mutantCast", ""))


def _condition(node: Node, raw: bytes) -> Iterator[_Change]:
    condition = node["condition"]
    yield _Change("negation", *_span(condition), f"!({_text(raw, condition)})", _span(condition))


def _statement_span(node: Node, raw: bytes) -> tuple[int, int]:
    start, end = _span(node)
    # Some nodes end before their semicolon.
    return start, end + (raw[end : end + 1] == b";")


def _statement(node: Node, raw: bytes) -> Iterator[_Change]:
    start, end = _statement_span(node, raw)
    yield _Change("deletion", start, end, "{}", (start, end), is_statement=True)


def _continue(node: Node, raw: bytes) -> Iterator[_Change]:
    yield _Change("jump", *_span(node), "break")


def _return(node: Node, raw: bytes) -> Iterator[_Change]:
    value = node.get("expression")
    if not value:
        return
    if value["nodeType"] == "TupleExpression":
        yield from _swaps("return", value, value["components"], raw)
    elif value["typeDescriptions"]["typeString"] == "bool":
        yield _Change("return", *_span(value), f"!({_text(raw, value)})", _span(value))


def _call(node: Node, raw: bytes) -> Iterator[_Change]:
    if node["kind"] == "functionCall" and not node["names"]:
        yield from _swaps("arguments", node, node["arguments"], raw)


def _swaps(operator: str, whole: Node, values: list[Node], raw: bytes) -> Iterator[_Change]:
    """Neighbours of one type change places."""
    statement = whole.get("mutantStatement")
    for one, other in itertools.pairwise(values):
        if one["typeDescriptions"]["typeString"] == other["typeDescriptions"]["typeString"]:
            (start, middle), (after, end) = _span(one), _span(other)
            yield _Change(
                operator,
                start,
                end,
                _text(raw, other) + raw[middle:after].decode() + _text(raw, one),
                statement or _span(whole),
                bool(statement),
            )


def _modifier(node: Node, raw: bytes) -> Iterator[_Change]:
    if node["kind"] == "modifierInvocation":
        yield _Change("modifier", *_span(node), "")


_BY_KIND = {
    "BinaryOperation": _binary,
    "Assignment": _assignment,
    "UnaryOperation": _unary,
    "Literal": _literal,
    "IfStatement": _condition,
    "Conditional": _condition,
    "ForStatement": lambda node, raw: iter(()),
    "ExpressionStatement": _statement,
    "EmitStatement": _statement,
    "RevertStatement": _statement,
    "Continue": _continue,
    "Return": _return,
    "FunctionCall": _call,
    "ModifierInvocation": _modifier,
}
