"""The books of every contract that holds tokens, to the wei."""

from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.events import Transfer, read_events, topics
from swarm_chain.types import Address, GroupId, Seat

NOBODY = "0x" + "0" * 40
SUPPLY = 10**27


def check(contracts: Contracts) -> None:
    """Supply = balances + burnt; what contracts hold = budgets + credits, and stakes."""
    token, latest = contracts.token, contracts.web3.eth.block_number
    transfers = read_events(token.logs([topics(Transfer)], 0, latest))
    holders = {event.to for event in transfers} - {NOBODY}
    burnt = sum(event.value for event in transfers if event.to == NOBODY)
    balances = {holder: token.balance_of(Address(holder), latest) for holder in holders}
    assert sum(balances.values()) + burnt == SUPPLY
    assert token.total_supply(latest) == SUPPLY - burnt

    budgets, credits, stakes = 0, 0, 0
    operators = set()
    for group in map(GroupId, range(1, contracts.groups.group_count(latest) + 1)):
        capacity = contracts.groups.group(group, latest).terms.capacity
        budgets += contracts.rewards.budget_of(group, latest)
        credits += sum(contracts.rewards.credit_of(group, Seat(seat), latest) for seat in range(capacity))
    identity = 1
    while (operator := contracts.identities.operator_of(identity, latest)) != NOBODY:
        stake = contracts.stakes.stake_of(identity, latest)
        stakes += stake.free + stake.locked
        operators.add(operator)
        identity += 1
    credits += sum(contracts.rewards.settled_credit_of(operator, latest) for operator in operators)
    assert balances[contracts.rewards.address] == budgets + credits
    assert balances[contracts.stakes.address] == stakes
