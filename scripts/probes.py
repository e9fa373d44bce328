"""Contracts with probes: every statement, and every side of a condition, says when it runs.

A probe calls the console that forge listens to. Such a call is nothing a pure or view function may do, so these words are taken from the
contracts' own functions; what the functions do stays the same. Places come from the compiler's syntax tree.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]

LIBRARY_PATH = "contracts/Probe.sol"
LIBRARY = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

library Probe {
    function ran(uint256 id) internal view {
        assembly ("memory-safe") {
            mstore(0, 0xf82c50f100000000000000000000000000000000000000000000000000000000)
            mstore(4, id)
            pop(staticcall(gas(), 0x000000000000000000636F6e736F6c652e6c6f67, 0, 36, 0, 0))
        }
    }

    function side(bool condition, uint256 id) internal view returns (bool) {
        ran(condition ? id : id + 1);
        return condition;
    }
}
"""
FIRST = 7_000_000
"""Number of the first probe: no number that a test logs itself."""


@dataclass(frozen=True)
class Place:
    """A statement (`branch` is empty) or one side of a condition ("true", "false"), at a line of a source."""

    path: str
    line: int
    branch: str


class Prober:
    """Puts probes into sources, and knows what each number means."""

    def __init__(self) -> None:
        self.places: dict[int, Place] = {}

    def probed(self, path: str, source: str, tree: Node) -> str:
        """The source with probes. `tree` is its AST in the compiler's JSON."""
        raw = source.encode()
        self._insertions: list[tuple[int, int, bytes]] = []
        self._path, self._raw = path, raw
        for node in _walk(tree):
            if node["nodeType"] in ("FunctionDefinition", "ModifierDefinition") and node.get("body"):
                self._statement_probes(node["body"])
                self._side_probes(node["body"])
        text = bytearray(unrestricted(path, source, tree).encode())
        # From the end, so that places before stay; at one place, what was noted later comes first.
        for at, _, inserted in sorted(self._insertions, key=lambda entry: (entry[0], entry[1]), reverse=True):
            text[at:at] = inserted
        depth = path.count("/") - 1
        first = re.search(rb"^(import|using|library|contract|abstract|interface|type|struct|enum|///)", bytes(text), re.MULTILINE)
        if not first:
            raise ValueError(f"{path} has no place for an import.")
        text[first.start() : first.start()] = b'import {Probe} from "' + (b"../" * depth or b"./") + b'Probe.sol";\n'
        return text.decode()

    def _number(self, at: int, branch: str) -> int:
        number = FIRST + len(self.places)
        self.places[number] = Place(self._path, self._raw[:at].count(b"\n") + 1, branch)
        return number

    def _insert(self, at: int, text: str) -> None:
        self._insertions.append((at, len(self._insertions), text.encode()))

    def _statement_probes(self, node: Node) -> None:
        kind = node["nodeType"]
        if kind in ("Block", "UncheckedBlock"):
            for statement in node["statements"]:
                if statement["nodeType"] not in ("Block", "UncheckedBlock", "PlaceholderStatement"):
                    start, _ = _span(statement)
                    self._insert(start, f"Probe.ran({self._number(start, '')}); ")
                self._statement_probes(statement)
        for key in ("trueBody", "falseBody", "body"):
            inner = node.get(key)
            if inner and kind in ("IfStatement", "ForStatement", "WhileStatement", "DoWhileStatement"):
                self._body_probes(inner)

    def _body_probes(self, body: Node) -> None:
        if body["nodeType"] in ("Block", "UncheckedBlock"):
            return self._statement_probes(body)
        start, end = _span(body)
        end += self._raw[end : end + 1] == b";"
        self._insert(start, f"{{ Probe.ran({self._number(start, '')}); ")
        self._statement_probes(body)
        return self._insert(end, " }")

    def _side_probes(self, body: Node) -> None:
        for node in _walk(body):
            if node["nodeType"] in ("IfStatement", "Conditional"):
                start, end = _span(node["condition"])
                number = self._number(start, "true")
                self._number(start, "false")
                self._insert(start, "Probe.side(")
                self._insert(end, f", {number})")


def unrestricted(path: str, source: str, tree: Node) -> str:
    """The source without `pure` and `view`."""
    text = bytearray(source.encode())
    for node in _walk(tree):
        if node["nodeType"] == "FunctionDefinition" and node["stateMutability"] in ("pure", "view"):
            start, end = _mutability(path, text, node)
            text[start:end] = b" " * (end - start)
    return text.decode()


def _mutability(path: str, raw: bytes | bytearray, node: Node) -> tuple[int, int]:
    """Where a function says that it is pure or view."""
    start = _span(node["parameters"])[1]
    ends = [_span(node["body"])[0] if node.get("body") else _span(node)[1]]
    if node["returnParameters"]["parameters"]:
        ends.append(_span(node["returnParameters"])[0])
    word = re.search(rb"\b(pure|view)\b", raw[start : min(ends)])
    if not word:
        raise ValueError(f"{path}: {node['name']} is {node['stateMutability']}, but does not say so where it should.")
    return start + word.start(), start + word.end()


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
