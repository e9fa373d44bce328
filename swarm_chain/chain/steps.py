"""What an outbox keeps on disk: steps, how far they are, and every transaction that was signed for them.

```
            ┌──────── its nonce went to another ────────┐
            ▼                                           │
take ──▶ waiting ──▶ signed ──▶ sent ──▶ mined ──▶ confirmed
            │           │        ▲ │       │         │
            │           │        └─┼───────┴─────────┘ the chain gave up its block
            └───────────┴──▶ refused ◀── and taken again: waiting
```
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from eth_utils.crypto import keccak
from web3 import Web3

from swarm_chain.chain.connection import block, chain_id
from swarm_chain.chain.fees import Fees
from swarm_chain.chain.sender import Call, SignedTransaction
from swarm_chain.database import Database, Schema
from swarm_chain.types import Address

KEPT_STEPS = 10_000
"""So many steps later a settled one is let go."""


class State(StrEnum):
    """How far a step is."""

    WAITING = "waiting"
    """Nothing of it can be mined: it was not signed yet, or its nonce went to another transaction."""
    SIGNED = "signed"
    SENT = "sent"
    MINED = "mined"
    CONFIRMED = "confirmed"
    """Mined so deep that no reorganisation is expected to undo it; looked at again only where one undid the block of the last look."""
    REFUSED = "refused"
    """By the contract or the chain's node; it may be taken again."""


PENDING = (State.SIGNED, State.SENT)
"""States in which a step holds a nonce that no block has."""


class Version(NamedTuple):
    """A signed transaction, and the number of the block since which it is to be mined."""

    hash: bytes
    raw: bytes
    nonce: int
    fees: Fees
    out_since: int


class Mined(NamedTuple):
    """Which transaction was mined, and in which block."""

    hash: bytes
    block: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Step:
    """A thing to be done by one transaction.

    Attributes:
        since: number of the block in which it was taken up.
        why: it waits or was refused, in words.
        versions: everything that was signed for it and may be mined, the last one last.
    """

    id: int
    state: State
    since: int
    call: Call
    why: str
    mined: Mined | None
    versions: tuple[Version, ...] = field(repr=False)

    @property
    def name(self) -> str:
        return self.call.what

    @property
    def last(self) -> Version:
        """The version that is to be mined."""
        return self.versions[-1]

    @property
    def nonce(self) -> int:
        """The nonce that it holds; -1 without one."""
        return self.last.nonce if self.versions and self.state is not State.WAITING else -1


class Steps:
    """An account's steps. For one thread.

    Args:
        path: of the file; several accounts can share one.
        account: digest of the chain and the account; what others keep in the file is left alone.

    Raises:
        DiskFullError: there is no room to write.
        ConfigurationError, UnsupportedVersionError: the file cannot be used.
    """

    def __init__(self, path: Path, account: bytes) -> None:
        create = resources.files(__package__).joinpath("outbox.sql").read_text()
        self._database = Database(path, "the outbox", Schema(1, create))
        self._account = account

    def close(self) -> None:
        self._database.close()

    # ---------------------------------------------------------------------------------------------- reading

    def find(self, name: str) -> Step | None:
        """A step by its name."""
        return next(iter(self._steps("name = ?", name)), None)

    def open(self) -> list[Step]:
        """Steps that are not settled for good: those with a nonce by nonce, then those that wait."""
        found = self._steps("state IN ('waiting', 'signed', 'sent', 'mined')")
        return sorted(found, key=lambda step: (step.nonce < 0, step.nonce, step.id))

    def settled(self) -> Iterator[Step]:
        """Steps that are settled for good, the one mined last first."""
        for (name,) in self._database.read(
            "SELECT name FROM steps WHERE account = ? AND state = 'confirmed' ORDER BY mined_number DESC, id DESC", self._account
        ):
            yield self._again(name)

    def last(self, count: int) -> list[Step]:
        """The steps taken up last, the newest first."""
        return self._steps("1 ORDER BY id DESC LIMIT ?", count)

    def counts(self) -> dict[str, int]:
        """How many steps are in each state."""
        rows = self._database.read("SELECT state, count(*) FROM steps WHERE account = ? GROUP BY state", self._account)
        return {state.value: dict(rows).get(state.value, 0) for state in State}

    def _steps(self, condition: str, *values: object) -> list[Step]:
        rows = self._database.read(
            "SELECT id, state, since, name, recipient, data, gas, why, mined_hash, mined_block, mined_number"
            f" FROM steps WHERE account = ? AND {condition}",
            self._account,
            *values,
        )
        return [self._step(row) for row in rows]

    def _step(self, row: tuple[Any, ...]) -> Step:
        id_, state, since, name, recipient, data, gas, why, *mined = row
        versions = self._database.read("SELECT hash, raw, nonce, highest, tip, out_since FROM versions WHERE step = ? ORDER BY id", id_)
        return Step(
            id_,
            State(state),
            since,
            Call(name, Address(recipient), data, gas),
            why,
            Mined(*mined) if mined[0] is not None else None,
            tuple(Version(hash_, raw, nonce, Fees(highest, tip), at) for hash_, raw, nonce, highest, tip, at in versions),
        )

    # ---------------------------------------------------------------------------------------------- writing

    def put(self, call: Call, since: int) -> Step:
        """Takes a step up, or up again; it waits to be signed."""
        self._database.write(
            "INSERT INTO steps (account, name, state, since, recipient, data, gas) VALUES (?, ?, 'waiting', ?, ?, ?, ?)"
            " ON CONFLICT (account, name) DO UPDATE SET state = 'waiting', since = excluded.since, recipient = excluded.recipient,"
            " data = excluded.data, gas = excluded.gas, why = '', mined_hash = NULL, mined_block = NULL, mined_number = NULL",
            self._account,
            call.what,
            since,
            call.to,
            call.data,
            call.gas,
        )
        return self._again(call.what)

    def signed(self, step: Step, signed: SignedTransaction, fees: Fees, at: int) -> Step:
        """Keeps a version that is about to leave."""
        with self._database.transaction():
            self._database.write("UPDATE steps SET state = 'signed', gas = ?, why = '' WHERE id = ?", step.call.gas, step.id)
            self._database.write(
                "INSERT INTO versions (step, hash, raw, nonce, highest, tip, out_since) VALUES (?, ?, ?, ?, ?, ?, ?)",
                step.id,
                signed.hash,
                signed.raw,
                signed.nonce,
                *fees,
                at,
            )
        return self._again(step.name)

    def move(self, step: Step, state: State, why: str = "") -> Step:
        """Notes how far a step is, and why it is no further."""
        if (step.state, step.why) == (state, why):
            return step
        self._database.write("UPDATE steps SET state = ?, why = ? WHERE id = ?", state, why, step.id)
        return self._again(step.name)

    def mined(self, step: Step, mined: Mined) -> Step:
        """Notes which version was mined, and in which block."""
        self._database.write(
            "UPDATE steps SET state = 'mined', why = '', mined_hash = ?, mined_block = ?, mined_number = ? WHERE id = ?", *mined, step.id
        )
        return self._again(step.name)

    def gone(self, step: Step, at: int) -> Step:
        """Notes that the block is gone; the step is out again from then on, or waits to be signed where what was is not kept."""
        with self._database.transaction():
            state = State.SENT if step.versions else State.WAITING
            self._database.write("UPDATE steps SET state = ? WHERE id = ?", state, step.id)
            self._database.write("UPDATE versions SET out_since = ? WHERE step = ?", at, step.id)
        return self._again(step.name)

    def reverted(self, step: Step, mined: Mined, why: str) -> Step:
        """Notes that the contract refused what was mined; its nonce is used, so none of the versions can be mined any more."""
        with self._database.transaction():
            self.mined(step, mined)
            self._database.write("UPDATE steps SET state = 'refused', why = ? WHERE id = ?", why, step.id)
            self._database.write("DELETE FROM versions WHERE step = ?", step.id)
        return self._again(step.name)

    def refused(self, step: Step, why: str) -> Step:
        """Notes that the contract refuses a step now, or the chain's node what was signed last, which it did not keep."""
        with self._database.transaction():
            self._database.write("UPDATE steps SET state = 'refused', why = ? WHERE id = ?", why, step.id)
            if step.state is State.SIGNED:
                self._database.write("DELETE FROM versions WHERE id = (SELECT max(id) FROM versions WHERE step = ?)", step.id)
        return self._again(step.name)

    def confirmed(self, step: Step) -> None:
        """Notes that a step is settled for good, and lets go of steps long ago with what was signed for them."""
        old = "account = ? AND id < ? AND state IN ('confirmed', 'refused')"
        with self._database.transaction():
            self._database.write("UPDATE steps SET state = 'confirmed' WHERE id = ?", step.id)
            limit = step.id - KEPT_STEPS
            self._database.write(f"DELETE FROM versions WHERE step IN (SELECT id FROM steps WHERE {old})", self._account, limit)
            self._database.write(f"DELETE FROM steps WHERE {old}", self._account, limit)

    def _again(self, name: str) -> Step:
        step = self.find(name)
        assert step is not None
        return step


def account_digest(web3: Web3, account: Address) -> bytes:
    """What an outbox's steps belong to. The first block tells local chains apart, which all have one ID and the same addresses."""
    return keccak(f"outbox {chain_id(web3)} {account} ".encode() + block(web3, 0).hash)


def recent_steps(path: Path, web3: Web3, account: Address, count: int = 10) -> list[Step]:
    """What an account's outbox is at, and the last steps before, the newest first. Whoever sends from it goes on meanwhile."""
    return steps_beside(path, account_digest(web3, account), count)


def steps_beside(path: Path, account: bytes, count: int) -> list[Step]:
    """The same, of an account whose digest is known: the chain is not asked."""
    if not path.exists():
        return []
    steps = Steps(path, account)
    try:
        found = {step.id: step for step in [*steps.open(), *steps.last(count)]}
    finally:
        steps.close()
    return [found[id_] for id_ in sorted(found, reverse=True)]
