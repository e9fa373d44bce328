"""Taking and leaving a seat: steps that are left out when they are done already, so that either can be run again."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from swarm_chain.cli import group_keys, keyring
from swarm_chain.cli.invitation import Invitation, refused
from swarm_chain.cli.present import tokens
from swarm_chain.cli.wiring import PLAY_COIN, Swarm, give_coin, no_seat, own_seat
from swarm_chain.errors import ChainError, TransactionError, UsageError
from swarm_chain.types import Address, SeatView

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from swarm_chain.chain.groups import Group
    from swarm_chain.chain.signer import Signer

Step = Callable[[str], None]


def take_seat(swarm: Swarm, group: "Group", invitation: Invitation, step: Step, *, fund_local: bool = False) -> SeatView:
    """Keeps a closed group's key, registers the settings' node if needed, deposits its operator's stake, joins. Returns the seat.

    Raises:
        UsageError: the node belongs to another operator, or the invitation to a closed group does not bring its key.
        ChainError: the operator holds too little.
    """
    contracts, terms = swarm.contracts, group.terms
    step("opening the keys")
    operator = swarm.account()
    node = keyring.node(swarm.settings, swarm.home)
    address = Address(str(node.address))
    group_keys.keep(swarm, group, node, invitation)
    seat = contracts.views.seat(group.group, address)
    if seat is not None:
        return seat
    if fund_local:
        step("getting coin and tokens from the local treasury")
        fund_from_treasury(swarm, [Address(str(operator.address)), address], Address(str(operator.address)), terms.stake)
    identity = _identity(swarm, operator, node, step)
    deposit_stake(swarm, group, operator, identity, step)
    step("taking the seat")
    try:
        swarm.send(operator, contracts.rounds.join(group.group, address, invitation.signed))
    except TransactionError as problem:
        raise refused(problem, group, identity, "The node is registered and its stake deposited.") from problem
    return own_seat(swarm, group, address)


def deposit_stake(swarm: Swarm, group: "Group", operator: "Signer", identity: int, step: Step) -> None:
    """Sees to it that an identity has a seat's stake free, out of its operator's tokens.

    Raises:
        ChainError: the operator holds too little.
    """
    contracts, owner = swarm.contracts, Address(str(operator.address))
    missing = missing_stake(swarm, group, identity)
    if not missing:
        return
    held = contracts.token.balance_of(owner)
    if held < missing:
        raise ChainError(
            f"The operator {owner} holds {tokens(held)} tokens; a seat's stake needs {tokens(missing)}.",
            "The node is registered; nothing was deposited.",
            "Send it the tokens, or on a local chain add --fund-local, then run this again.",
        )
    if contracts.token.allowance(owner, contracts.stakes.address) < missing:
        step("approving the stake")
        swarm.send(operator, contracts.token.approve(contracts.stakes.address, missing))
    step("depositing the stake")
    swarm.send(operator, contracts.stakes.deposit(identity, missing))


def missing_stake(swarm: Swarm, group: "Group", identity: int) -> int:
    """What an identity, or a new one (0), must deposit before it can join a group, in wei."""
    return max(0, group.terms.stake - (swarm.contracts.stakes.stake_of(identity).free if identity else 0))


def calls_to_join(swarm: Swarm, group: "Group") -> tuple[list[str], int]:
    """What ``take_seat`` is going to call, and the tokens it deposits, in wei."""
    contracts, node = swarm.contracts, swarm.node_address()
    if contracts.views.seat(group.group, node) is not None:
        return [], 0
    identity = contracts.identities.identity_of(node)
    missing = missing_stake(swarm, group, identity)
    return [*(() if identity else ("register",)), *(("approve", "deposit") if missing else ()), "join"], missing


def leave_seat(swarm: Swarm, group: "Group", step: Step) -> str:
    """Leaves; frees the seat and withdraws the stake when its rounds are settled. Returns what was reached, as a sentence."""
    contracts = swarm.contracts
    step("opening the key")
    operator, node = swarm.account(), swarm.node_address()
    seat = contracts.views.seat(group.group, node)
    if seat is None:
        # Freed already, or never taken: what was deposited for it may still be there.
        identity = contracts.identities.identity_of(node)
        if not identity or not contracts.stakes.stake_of(identity).free:
            raise no_seat(group, node)
        amount = _withdraw(swarm, operator, identity, step)
        return f"The node has no seat in group {group.group}; {tokens(amount)} tokens of free stake went to {operator.address}."
    if not seat.until_round:
        step("leaving")
        swarm.send(operator, contracts.rounds.leave(group.group, node))
    step("freeing the seat")
    try:
        swarm.send(operator, contracts.rounds.release(group.group, seat.seat))
    except TransactionError as problem:
        if problem.reverted_with != "SeatStillBound":
            raise
        return f"Seat {seat.seat} is left. Its stake comes free when its rounds are settled: run this again then."
    amount = _withdraw(swarm, operator, seat.identity, step)
    return f"Seat {seat.seat} is free again; {tokens(amount)} tokens of stake went to {operator.address}."


def fund_from_treasury(swarm: Swarm, accounts: list[Address], operator: Address, wei: int) -> None:
    """On a local chain: play coin for each account, and tokens for the operator up to ``wei``.

    Raises:
        UsageError: the chain is not local.
    """
    from swarm_chain.chain.local import play_account

    if not swarm.local:
        raise UsageError(
            "--fund-local is for local chains; this one is not.", "Nothing was sent.", f"Send the chain's coin and tokens to {operator}."
        )
    for account in accounts:
        give_coin(swarm.web3, account, PLAY_COIN)
    held = swarm.contracts.token.balance_of(operator)
    if held < wei:
        swarm.send(play_account(0), swarm.contracts.token.transfer(operator, wei - held))


def _withdraw(swarm: Swarm, operator: "Signer", identity: int, step: Step) -> int:
    """Takes an identity's free stake back; returns how much it was, in wei."""
    step("withdrawing the stake")
    free = swarm.contracts.stakes.stake_of(identity).free
    swarm.send(operator, swarm.contracts.stakes.withdraw(identity, free, Address(str(operator.address))))
    return free


def _identity(swarm: Swarm, operator: "Signer", node: "LocalAccount", step: Step) -> int:
    identities = swarm.contracts.identities
    address = Address(str(node.address))
    identity = identities.identity_of(address)
    if not identity:
        step("registering the node")
        swarm.send(operator, identities.register(node, Address(str(operator.address))))
        identity = identities.identity_of(address)
    owner = identities.operator_of(identity)
    if owner != str(operator.address):
        raise UsageError(
            f"The node {address} belongs to the operator {owner}, not {operator.address}.",
            "Nothing was sent.",
            "Give that operator's --key.",
        )
    return identity
