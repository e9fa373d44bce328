"""What a command is about to spend, shown and asked before anything is sent, on every chain but local ones.

Services that run for long (``node run``, ``relay``, ``watch``) do not ask: nobody is there to answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from swarm_chain.cli import present
from swarm_chain.types import Address

if TYPE_CHECKING:
    from web3 import Web3

INTERRUPTED = 130

GAS = {
    "approve": 50_000,
    "claim": 85_000,
    "create": 260_000,
    "deposit": 95_000,
    "finalize": 120_000,
    "fund": 95_000,
    "join": 360_000,
    "leave": 90_000,
    "migrate": 420_000,
    "register": 130_000,
    "rekey": 160_000,
    "release": 110_000,
    "rotate": 100_000,
    "settleVoid": 90_000,
    "withdraw": 75_000,
}
"""About what each call takes, in gas: what comes later in a command cannot be tried out before what comes first is done."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What a command spends.

    Attributes:
        what: it does, as a person would say it.
        payer: whose coin and tokens.
        fee: about, in wei of the chain's coin.
        tokens: at most, in wei of the token.
    """

    what: str
    payer: Address
    fee: int
    tokens: int = 0


def fee(web3: "Web3", calls: Iterable[str]) -> int:
    """What calls cost about at the price of now, in wei of the chain's coin."""
    base = int(web3.eth.get_block("latest").get("baseFeePerGas", 0))
    return sum(GAS[call] for call in calls) * (base + int(web3.eth.max_priority_fee))


def ask(web3: "Web3", spending: Spending, *, local: bool, yes: bool) -> None:
    """Shows network, amount and fee, and asks; on a local chain neither.

    Raises:
        UsageError: nobody is there to answer, and ``yes`` was not given.
        typer.Exit: the answer was no.
    """
    if local:
        return
    from swarm_chain.chain.connection import chain_id, provider_name

    held = present.tokens(int(web3.eth.get_balance(web3.to_checksum_address(spending.payer))), 6)
    present.say(f"Network  chain {chain_id(web3)} at {provider_name(web3)}")
    present.say(f"Payer    {spending.payer}, who holds {held} of the chain's coin")
    present.say(f"Amount   {present.tokens(spending.tokens)} tokens")
    present.say(f"Fee      about {present.tokens(spending.fee, 6)} of the chain's coin")
    if not present.agree(f"{spending.what}?", yes=yes):
        present.say("Nothing was sent.")
        raise typer.Exit(INTERRUPTED)
