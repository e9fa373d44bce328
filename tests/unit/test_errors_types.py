"""Python's words are those of the contracts and of the specification."""

import dataclasses
import re
from pathlib import Path

import pytest

from swarm_chain import errors, types

ROOT = Path(__file__).parents[2]
SOLIDITY = (ROOT / "contracts/types/Types.sol").read_text()
VIEWS = (ROOT / "contracts/interfaces/IRoundViews.sol").read_text()


def _fields_in(source, struct):
    body = re.search(rf"struct {struct} \{{(.*?)\}}", source, re.DOTALL).group(1)
    names = re.findall(r"(\w+);", body)
    return [re.sub(r"([A-Z])", r"_\1", name).lower() for name in names]


@pytest.mark.parametrize("name", ["Terms", "Result"])
def test_dataclasses_have_the_structs_fields_in_their_order(name):
    assert [field.name for field in dataclasses.fields(getattr(types, name))] == _fields_in(SOLIDITY, name)


def test_a_reveal_has_the_structs_fields_with_its_report_unpacked_and_the_scores_beside():
    """Not their order: ``chain/views.py`` puts them in it, and a commitment made of them by the contract is compared with ours."""
    own = {field.name for field in dataclasses.fields(types.Reveal)}
    assert own - {"samples", "metric", "scores"} | {"report"} == set(_fields_in(SOLIDITY, "Reveal"))


@pytest.mark.parametrize("name", ["RoundView", "SeatView"])
def test_views_have_the_structs_fields_in_their_order(name):
    assert [field.name for field in dataclasses.fields(getattr(types, name))] == _fields_in(VIEWS, name)


@pytest.mark.parametrize("name", ["Phase", "Rule", "Scoring"])
def test_enumerations_count_alike(name):
    body = re.search(rf"enum {name} \{{(.*?)\}}", SOLIDITY, re.DOTALL).group(1)
    names = [re.sub(r"(?<!^)([A-Z])", r"_\1", word).upper() for word in re.findall(r"\w+", body)]
    assert [member.name for member in getattr(types, name)] == names
    assert [member.value for member in getattr(types, name)] == list(range(len(names)))


def _all_errors(error=errors.SwarmChainError):
    return {error}.union(*(_all_errors(child) for child in error.__subclasses__()))


def test_the_tree_at_the_top_names_every_error_with_its_exit_code():
    own = {error for error in _all_errors() if error.__module__ == errors.__name__}
    drawn = set(re.findall(r"\b(\w+Error)\b", errors.__doc__))
    assert {error.__name__ for error in own} == drawn
    codes = {name: int(code) for name, code in re.findall(r"^[├└]── (\w+) +(\d)", errors.__doc__, re.MULTILINE)}
    assert {error.__name__: error.exit_code for error in errors.SwarmChainError.__subclasses__() if error in own} == codes


def test_exit_codes_are_those_of_the_specification():
    section = (ROOT / "docs/specification.md").read_text().split("## 11. Exit codes")[1]
    documented = {int(code) for code in re.findall(r"^\| (\d+) +\|", section, re.MULTILINE)}
    assert {error.exit_code for error in _all_errors()} <= documented


def test_a_message_says_what_happened_what_was_kept_and_what_to_do():
    assert (
        str(errors.DiskFullError("The disk is full.", "Nothing was lost.", "Make room."))
        == "The disk is full. Nothing was lost. Make room."
    )
    assert str(errors.DiskFullError("The disk is full.", do="Make room.")) == "The disk is full. Make room."
    reverted = errors.TransactionError("Reverted.", reverted_with="RingFull", arguments=(1, 2))
    assert (reverted.reverted_with, reverted.arguments, reverted.exit_code) == ("RingFull", (1, 2), 4)
