"""Reading events from logs, as the ABI lays them out."""

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache
from typing import Any, NamedTuple

from eth_abi.abi import decode
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic
from hexbytes import HexBytes
from web3 import Web3
from web3.types import LogReceipt

from swarm_chain.chain import artifacts
from swarm_chain.chain.events import accounts, disputes, rounds
from swarm_chain.chain.events.event import Event, Place
from swarm_chain.types import Address, Mixing, Result, Rule, Scoring, Terms, group_and_round, samples_and_metric

KINDS: tuple[type[Event], ...] = (*accounts.KINDS, *rounds.KINDS, *disputes.KINDS)
"""Every event of ours."""

_PACKED: dict[str, tuple[tuple[str, str], Callable[[Any], tuple[Any, Any]]]] = {
    "RoundId": (("group", "round"), group_and_round),
    "Report": (("samples", "metric"), samples_and_metric),
}
"""Types that hold two fields in one number."""


class Argument(NamedTuple):
    """Of an event: its name as ours, its type for decoding, and what the contract calls that type."""

    name: str
    type: str
    named_type: str

    @property
    def decoded_as(self) -> str:
        """What the ABI's decoder takes it for. It refuses text that is not UTF-8, and contracts log whatever they are given."""
        return "bytes" if self.type == "string" else self.type

    def fields(self) -> tuple[str, ...]:
        """The fields it fills."""
        return _PACKED[self.named_type][0] if self.named_type in _PACKED else (self.name,)

    def read(self, value: Any) -> dict[str, Any]:
        """Its fields' values."""
        if self.named_type in _PACKED:
            return dict(zip(self.fields(), _PACKED[self.named_type][1](value), strict=True))
        return {self.name: _as_ours(self.name, self.type, value)}


class Layout(NamedTuple):
    """How the ABI lays an event out in a log: what is in its topics and in its data."""

    kind: type[Event]
    topics: tuple[Argument, ...]
    data: tuple[Argument, ...]


_BATCHES: dict[type[Event], type[Event]] = {rounds.Committed: rounds.CommitsRelayed, rounds.Revealed: rounds.RevealsRelayed}
"""What a relay's batch tells the same with."""


def topics(*kinds: type[Event]) -> list[str]:
    """The first topics of the logs that tell of events, in hex: what to ask ``eth_getLogs`` for. Batches of them are among these."""
    wanted = {*kinds, *(_BATCHES[kind] for kind in kinds if kind in _BATCHES)}
    return [key for key, layout in layouts().items() if layout.kind in wanted]


def topic_of(number: int) -> str:
    """An indexed number as a topic, in hex."""
    return "0x" + number.to_bytes(32, "big").hex()


def topic_of_address(address: Address) -> str:
    """An indexed address as a topic, in hex."""
    return "0x" + address.removeprefix("0x").lower().rjust(64, "0")


def _read(log: LogReceipt) -> Event | None:
    """The event a log holds, or None if it is no event of ours."""
    layout = layouts().get("0x" + log["topics"][0].hex()) if log["topics"] else None
    if layout is None:
        return None
    values: dict[str, Any] = {}
    for argument, word in zip(layout.topics, log["topics"][1:], strict=True):
        values |= argument.read(decode([argument.decoded_as], bytes(word))[0])
    for argument, value in zip(layout.data, decode([argument.decoded_as for argument in layout.data], bytes(log["data"])), strict=True):
        values |= argument.read(value)
    place = Place(
        contract=Address(str(log["address"])),
        block=log["blockNumber"],
        block_hash=bytes(log["blockHash"]),
        transaction=bytes(HexBytes(log["transactionHash"])),
        index=log["logIndex"],
    )
    return layout.kind(place=place, **values)


def read_events(logs: Iterable[LogReceipt]) -> list[Event]:
    """The events among logs, in their order; a batch's one by one."""
    return [event for read in map(_read, logs) if read is not None for event in read.apart()]


@cache
def layouts() -> dict[str, Layout]:
    """Every event by its first topic, in hex, as the contracts' ABIs have it."""
    kinds = {kind.__name__: kind for kind in KINDS}
    found: dict[str, Layout] = {}
    for contract in artifacts.CONTRACTS:
        for entry in artifacts.load(contract).abi:
            if entry["type"] != "event" or entry["name"] not in kinds:
                continue
            kind = kinds[entry["name"]]
            arguments = [(_argument(given), given["indexed"]) for given in entry["inputs"]]
            known = {field.name for field in fields(kind)} - {"place"}
            if {name for argument, _ in arguments for name in argument.fields()} != known:
                raise AssertionError(f"{entry['name']} has other fields than its contract's event")
            found["0x" + event_abi_to_log_topic(entry).hex()] = Layout(
                kind,
                topics=tuple(argument for argument, indexed in arguments if indexed),
                data=tuple(argument for argument, indexed in arguments if not indexed),
            )
    return found


def names_its_round(kind: type[Event]) -> bool:
    """Whether an event's second topic is a round's name (``RoundId``), else its group."""
    layout = next(layout for layout in layouts().values() if layout.kind is kind)
    return bool(layout.topics) and layout.topics[0].named_type == "RoundId"


def terms_of(values: tuple[Any, ...]) -> Terms:
    """A ``Terms`` struct as the ABI decodes it."""
    dimension, fraction_bits, low, high, rule, mixing, scoring, *rest = values
    return Terms(dimension, fraction_bits, low, high, Rule(rule), Mixing(mixing), Scoring(scoring), *rest)


def result_of(values: tuple[Any, ...]) -> Result:
    """A ``Result`` struct as the ABI decodes it."""
    return Result(*values)


def address_of(value: str) -> Address:
    """An address as the ABI decodes it, with its checksum."""
    return Address(str(Web3.to_checksum_address(value)))


def _argument(given: dict[str, Any]) -> Argument:
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", given["name"]).lower()
    return Argument("from_" if snake == "from" else snake, collapse_if_tuple(given), str(given.get("internalType", "")))


def _as_ours(name: str, kind: str, value: Any) -> Any:
    if kind == "address":
        return address_of(value)
    if kind == "string":
        return bytes(value).decode("utf-8", "replace")
    if name == "terms":
        return terms_of(value)
    if name == "result":
        return result_of(value)
    return tuple(value) if isinstance(value, list) else value
