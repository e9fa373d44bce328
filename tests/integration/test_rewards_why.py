"""``swarm-chain rewards --why`` on a real chain: every credit explained, to the wei, whatever became of the round."""

import random
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from chain_swarm import TERMS, Node, Swarm, create, register
from command_line import CommandLine
from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3 import Web3
from web3.types import RPCEndpoint

from swarm_chain.chain import artifacts
from swarm_chain.chain.connection import block
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deployment import Deployment
from swarm_chain.chain.events import RoundPaid, read_events, topic_of, topics
from swarm_chain.chain.local import LocalChain
from swarm_chain.chain.paid import checked_payment
from swarm_chain.chain.past_round import read_past_round
from swarm_chain.chain.rewards import Rewards
from swarm_chain.chain.sender import Sender
from swarm_chain.cli.explain import explain, node_of
from swarm_chain.cli.explain_report import as_json
from swarm_chain.cli.settings import Settings
from swarm_chain.cli.wiring import open_swarm
from swarm_chain.errors import ChainError
from swarm_chain.protocol.commitment import commitment, result_hash
from swarm_chain.protocol.disputes.evidence import Opened
from swarm_chain.protocol.inclusion import bitmap_of
from swarm_chain.protocol.payment import UNIT, FinalRound, payment
from swarm_chain.protocol.scores import FULL as BEST
from swarm_chain.protocol.scores import encode_scores
from swarm_chain.types import ZERO32, Address, Digest, GroupId, Result, Reveal, Round, Seat

TOKEN = 10**18
FULL = TERMS.commit_duration + TERMS.reveal_duration
WHY = replace(TERMS, challenge_window=100, reward_per_round=100 * TOKEN + 7)
FIRST_BUDGET = 160 * TOKEN + 123_456_789
REFILL = 500 * TOKEN


# ------------------------------------------------------------------------------------------------ the rule and the contract


def test_the_rule_is_the_contracts(web3: Web3, treasury: Sender) -> None:
    """Payments by chance to a distributor alone: the test is its round manager and its group registry."""
    code = artifacts.load("RewardDistributor")
    constructor = web3.eth.contract(abi=code.abi, bytecode=code.bytecode).constructor(treasury.address, treasury.address, treasury.address)
    rewards = Rewards(web3, Address(str(treasury.send(constructor)["contractAddress"])))  # type: ignore[arg-type]
    chance, group, seats = random.Random(5), GroupId(1), 6
    for seat in range(seats):
        treasury.send(rewards.function("assign", group, seat, treasury.address, Web3.to_checksum_address(f"0x{seat + 1:040x}")))
    owed, budget, seen = dict.fromkeys(range(seats), 0), 0, set()
    for number in range(1, 41):
        if chance.random() < 0.4:
            added = chance.choice([UNIT * seats, 3 * TOKEN + 1, chance.randrange(10**22)])
            treasury.send(rewards.function("addBudget", group, added))
            budget += added
        facts = FinalRound(
            reward=chance.choice([0, 2 * UNIT, TOKEN + 17, chance.randrange(10**21)]),
            budget=budget,
            elapsed=chance.choice([0, 1, 79, 80, 81]),
            duration=80,
            scores={seat: chance.choice([0, 1, 9_999, 10_000]) for seat in map(Seat, range(seats)) if chance.random() < 0.5},
            voted=chance.randrange(2**seats),
        )
        if is_equal := chance.random() < 0.5:
            facts = replace(facts, scores=dict.fromkeys(facts.scores, BEST))
        included, taken = bitmap_of(facts.scores), 2**seats - 1
        whole, scores = included & facts.voted, b"" if is_equal else encode_scores(facts.scores)
        given = (number, facts.reward, facts.elapsed, facts.duration, whole, included & ~whole, taken, scores)
        events = [
            event for event in read_events(treasury.send(rewards.function("pay", group, given))["logs"]) if isinstance(event, RoundPaid)
        ]
        paid = payment(facts)
        assert [event.credits() for event in events] == ([paid.credits] if any(paid.shares.values()) else [])
        for seat, amount in paid.credits.items():
            owed[seat] += amount
        budget -= paid.paid
        assert rewards.budget_of(group) == budget
        assert {seat: rewards.credit_of(group, Seat(seat)) for seat in owed} == owed
        seen |= {
            "paid" if events else "not paid",
            "halved" if paid.halved else "",
            "unfunded" if paid.unfunded else "",
            "early" if paid.early else "",
            "by scores" if len(set(paid.shares.values())) > 1 else "",
        }
    assert seen >= {"paid", "not paid", "halved", "unfunded", "early", "by scores"}


# ------------------------------------------------------------------------------------------------ rounds of every kind


class Story:
    """A group whose rounds go every way there is."""

    def __init__(self, web3: Web3, contracts: Contracts, treasury: Sender, new_account: Callable[[], LocalAccount]) -> None:
        self.web3, self.contracts, self.treasury, self.new_account = web3, contracts, treasury, new_account
        self.group = create(contracts, treasury, WHY)
        self.fund(FIRST_BUDGET)
        self.ada, self.bob, self.cleo, self.dan = self.nodes = [self.join() for _ in range(4)]
        self.results: dict[int, Result] = {}
        self.other = Swarm(contracts, create(contracts, treasury, WHY), [])

    def fund(self, amount: int) -> None:
        self.treasury.send(self.contracts.token.approve(self.contracts.groups.address, amount))
        self.treasury.send(self.contracts.groups.fund(self.group, amount))

    def join(self, group: GroupId | None = None) -> Node:
        node = register(self.contracts, self.web3, self.new_account(), self.treasury, WHY.stake)
        node.sender.send(self.contracts.rounds.join(group or self.group, node.address))
        seat = self.contracts.views.seat(group or self.group, node.address)
        assert seat is not None
        node.seat = seat.seat
        return node

    def pass_time(self, seconds: int) -> None:
        self.web3.provider.make_request(RPCEndpoint("evm_increaseTime"), [seconds])
        self.web3.provider.make_request(RPCEndpoint("evm_mine"), [])

    def hash(self, round_: int) -> bytes:
        return result_hash(self.contracts.domain(self.group), self.results[round_])

    def commit(self, round_: int, node: Node, parent: bytes, *, unheld: int = 0, empty: bool = False) -> None:
        opened = Reveal(secrets.token_bytes(32), parent, secrets.token_bytes(32), 40, 0, (2**WHY.capacity - 1) & ~unheld)
        node.opened[Round(round_)] = opened
        value = commitment(self.contracts.domain(self.group), Round(round_), node.address, opened)
        sealed = Digest(ZERO32 if empty else secrets.token_bytes(32))
        node.sender.send(self.contracts.rounds.commit(self.group, Round(round_), sealed, value))

    def reveal(self, round_: int, *nodes: Node) -> None:
        for node in nodes:
            opened = node.opened[Round(round_)]
            shown = self.results.get(round_ - 1)
            if shown is not None and opened.parent != self.hash(round_ - 1):
                shown = None
            node.sender.send(self.contracts.rounds.reveal(self.group, Round(round_), opened, shown))

    def comes_to(self, round_: int, parent: bytes, *nodes: Node) -> None:
        included = sum(1 << node.seat for node in nodes)
        self.results[round_] = Result(Round(round_), parent, Digest(b"\x0a" * 32), b"\x0b" * 32, b"\x0c" * 32, included, b"", b"", -4)

    def finalize(self, round_: int) -> None:
        self.pass_time(WHY.challenge_window + 1)
        self.treasury.send(self.contracts.rounds.finalize(self.group, self.results[round_]))

    def play(self) -> None:
        """Rounds 1 to 9; 10 is open at the end."""
        ada, bob, cleo, dan = self.nodes
        rounds, group, genesis = self.contracts.rounds, self.group, self.contracts.views.head(self.group).result_hash

        # 1, ended early: dan trained on something else.
        for node in (ada, bob, cleo):
            self.commit(1, node, genesis)
        self.commit(1, dan, b"\x99" * 32)
        self.pass_time(80)
        self.reveal(1, *self.nodes)
        self.comes_to(1, genesis, ada, bob, cleo)
        # 2, of full length: cleo commits and does not reveal, dan does neither.
        for node in (ada, bob, cleo):
            self.commit(2, node, self.hash(1))
        self.pass_time(WHY.commit_duration)
        self.reveal(2, ada, bob)
        self.pass_time(WHY.reveal_duration)
        self.comes_to(2, self.hash(1), ada, bob)
        self.finalize(1)
        # 3, for which little budget is left: nobody but cleo and bob hold cleo's update, dan's is empty, eve comes for round 4.
        self.commit(3, ada, self.hash(2), unheld=1 << cleo.seat)
        self.commit(3, bob, self.hash(2))
        self.commit(3, cleo, self.hash(2))
        self.commit(3, dan, self.hash(2), unheld=1 << cleo.seat, empty=True)
        self.eve = self.join()
        self.pass_time(WHY.reveal_duration - 20)
        self.reveal(3, *self.nodes)
        self.comes_to(3, self.hash(2), ada, bob)
        self.finalize(2)
        # 4: dan is left out for what the chain can't see, and leaves; bob's key is replaced when the round is over; all vote.
        everyone = [*self.nodes, self.eve]
        for node in everyone:
            self.commit(4, node, self.hash(3))
        self.pass_time(100)
        dan.sender.send(rounds.leave(group, dan.address))
        self.reveal(4, *everyone)
        self.comes_to(4, self.hash(3), ada, bob, cleo, self.eve)
        self.finalize(3)
        self.fund(REFILL)
        self.bob_now = self.new_account()
        bob.sender.send(self.contracts.identities.rotate(bob.identity, self.bob_now, bob.address))
        bob.sender.send(rounds.rekey(group, bob.seat))
        self.bobs = Node(self.bob_now, Sender(self.web3, self.bob_now), bob.identity)
        self.bobs.seat = bob.seat
        # 5: votes for 4; nobody opens the next in time, and so it is void. Eve commits and does not reveal.
        now = [ada, self.bobs, cleo, self.eve]
        for node in now:
            self.commit(5, node, self.hash(4))
        self.reveal(5, ada, self.bobs, cleo)
        self.pass_time(WHY.reveal_duration)
        self.finalize(4)
        self.pass_time(WHY.idle_timeout)
        self.treasury.send(rounds.settle_void(group))
        # 6: the votes of 7 name three results.
        for node in now:
            self.commit(6, node, self.hash(4))
        self.reveal(6, *now)
        for node, named in zip(now, (b"\x01", b"\x02", b"\x03", b"\x03"), strict=True):
            self.commit(7, node, named * 32)
        self.reveal(7, *now)
        self.treasury.send(rounds.settle_void(group))
        # 7: the votes of 8 name what nobody can show. It is struck, 8 with it, and eve is slashed.
        for node in now:
            self.commit(8, node, b"\xee" * 32)
        self.reveal(8, *now)
        self.pass_time(WHY.challenge_window + WHY.idle_timeout)
        self.treasury.send(self.contracts.disputes.challenge_unpresented(group))
        self.treasury.send(self.contracts.disputes.slash(group, b"\xee" * 32, Opened(self.eve.address, self.eve.opened[Round(8)])))
        self.pass_time(WHY.challenge_window)
        self.treasury.send(rounds.settle_void(group))
        # 8 is not settled though it could be; 9 is closed, 10 open.
        for node in now:
            self.commit(9, node, self.hash(4))
        self.reveal(9, *now)
        self.comes_to(9, self.hash(4), *now)
        self.commit(10, ada, self.hash(9))
        # Dan's seat is another's by now: what it was then is told all the same.
        self.treasury.send(rounds.release(group, dan.seat))
        self.fay = self.join()
        assert self.fay.seat == dan.seat


@pytest.fixture(scope="module")
def story(web3: Web3, contracts: Contracts, treasury: Sender) -> Story:
    def new_account() -> LocalAccount:
        account: LocalAccount = Account.from_key(secrets.token_bytes(32))
        web3.provider.make_request(RPCEndpoint("anvil_setBalance"), [account.address, hex(100 * 10**18)])
        return account

    story = Story(web3, contracts, treasury, new_account)
    story.play()
    return story


@pytest.fixture(scope="module")
def cli(anvil: LocalChain, deployment: Deployment, story: Story, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    folder: Path = tmp_path_factory.mktemp("why")
    (folder / "deployment.json").write_text(deployment.to_json())
    settings = {"rpc_url": anvil.url, "deployment": "deployment.json", "group": str(story.group)}
    return CommandLine(folder).with_settings(**settings)


Why = Callable[[Address, int], Any]


@pytest.fixture(scope="module")
def why(anvil: LocalChain, deployment: Deployment, story: Story, tmp_path_factory: pytest.TempPathFactory) -> Why:
    """What the command says as JSON. The contracts are looked over once, not at every question."""
    folder: Path = tmp_path_factory.mktemp("why")
    (folder / "deployment.json").write_text(deployment.to_json())
    settings = Settings.load(home=folder, rpc_url=anvil.url, deployment=folder / "deployment.json", group=story.group)
    swarm = open_swarm(settings)
    return cache(lambda node, round_: as_json(explain(swarm, node_of(swarm, node), Round(round_))))


def test_the_credits_of_every_round_are_explained_to_the_wei(why: Why, story: Story) -> None:
    contracts, group = story.contracts, story.group
    logs = contracts.rewards.logs([topics(RoundPaid), topic_of(group)], 0, story.web3.eth.block_number)
    paid = {event.round: event for event in read_events(logs) if isinstance(event, RoundPaid)}
    assert [*paid] == [1, 2, 3, 4]
    owed: dict[int, int] = {}
    for round_, event in paid.items():
        for node in (*story.nodes, story.eve):
            told = why(node.address, round_)
            assert int(told["earned"]) == event.credits().get(node.seat, 0)
            assert told["outcome"] == "final"
            if told["seat"] is not None:
                assert told["credit_seen"]
            assert int(told["payment"]["paid"]) == event.paid
            owed[node.seat] = owed.get(node.seat, 0) + int(told["earned"])
    # With bob's new key his seat began anew: what it had earned went to its operator's own account.
    kept = {story.bob.seat: contracts.rewards.settled_credit_of(story.bob.address)}
    assert kept[story.bob.seat] > 0
    assert owed == {seat: contracts.rewards.credit_of(group, Seat(seat)) + kept.get(seat, 0) for seat in owed}
    assert sum(owed.values()) == FIRST_BUDGET + REFILL - contracts.rewards.budget_of(group) > 0


def test_how_much_there_was_is_explained(why: Why, story: Story) -> None:
    first, second, third, fourth = (why(story.ada.address, round_)["payment"] for round_ in (1, 2, 3, 4))
    assert 80 <= first["elapsed"] < 200 < first["duration"] == FULL
    assert int(first["early"]) > 80 * TOKEN
    assert (second["elapsed"], second["early"], second["unfunded"]) == (FULL, "0", "0")
    assert int(second["budget"]) == FIRST_BUDGET - int(first["paid"])
    assert int(third["budget"]) == int(second["budget"]) - int(second["paid"]) < 100 * TOKEN
    assert int(third["unfunded"]) == 100 * TOKEN + 7 - int(third["budget"]) > 0
    assert int(fourth["budget"]) == int(third["budget"]) - int(third["paid"]) + REFILL
    for told in (first, second, third, fourth):
        assert int(told["reward"]) == sum(int(told[part]) for part in ("unfunded", "early", "paid", "halved", "rounded"))


@pytest.mark.parametrize(
    ("who", "round_", "part", "says"),
    [
        ("ada", 1, "whole", "revealed in round 2 too"),
        ("cleo", 1, "half", "did not reveal what it committed in round 2"),
        ("dan", 1, "nothing", "another parent"),
        ("eve", 1, "nothing", "had no seat in round 1: it sits in group"),
        ("cleo", 2, "nothing", "committed in round 2 and did not reveal"),
        ("dan", 2, "nothing", "committed nothing in round 2"),
        ("cleo", 3, "nothing", "less than two thirds of the weight that revealed held its update's bytes (2 of 4 seats did)"),
        ("dan", 3, "nothing", "update was empty"),
        ("eve", 4, "half", "did not reveal what it committed in round 5"),
        ("dan", 4, "nothing", "the chain knows nothing against it"),
        ("bob", 4, "whole", "revealed in round 5 too"),
        ("dan", 5, "nothing", "had no seat in round 5"),
        ("fay", 1, "nothing", "had no seat in round 1: it sits in group"),
        ("ada", 5, "nothing", "void: nobody opened round 6 in time"),
        ("ada", 6, "nothing", "agreed on no result of it (members 4, revealed 4, different results named 3)"),
        ("ada", 7, "nothing", "its result was proven wrong (it was never shown)"),
        ("eve", 7, "nothing", "lost 50.000000000000000000 tokens"),
        ("ada", 8, "nothing", "that of round 7, which was proven wrong"),
        ("ada", 9, "nothing", "closed, and not settled yet"),
        ("bob", 10, "nothing", "open (commit phase)"),
    ],
)
def test_a_part_is_explained(why: Why, story: Story, who: str, round_: int, part: str, says: str) -> None:
    told = why(getattr(story, who).address, round_) if (who, round_) != ("bob", 10) else why(story.bobs.address, round_)
    assert told["part"] == part
    assert says in " ".join(told["because"]), told["because"]
    assert told["outcome"] == ("final" if round_ <= 4 else {5: "void", 6: "void", 7: "struck", 8: "struck"}.get(round_, "not settled"))
    assert (told["earned"] is None) == (round_ >= 8)


def test_what_a_commit_that_was_not_revealed_cost(why: Why, story: Story) -> None:
    for node, round_ in ((story.cleo, 2), (story.eve, 5)):
        told = why(node.address, round_)
        assert (told["lost"], "1.000000000000000000 tokens of its stake were burnt" in " ".join(told["because"])) == (str(TOKEN), True)
    assert why(story.eve.address, 7)["lost"] == str(50 * TOKEN)
    assert why(story.ada.address, 7)["lost"] == "0"


def test_a_key_that_was_replaced_since_is_explained_by_either(why: Why, story: Story) -> None:
    by_old, by_new = why(story.bob.address, 1), why(story.bobs.address, 1)
    assert by_old["earned"] == by_new["earned"] != "0"
    assert by_new["because"][-1] == f"Its key was {story.bob.address} then."


def test_a_person_reads_lines_that_sum_up(cli: CommandLine, why: Why, story: Story) -> None:
    shown = cli.done("rewards", "--why", story.cleo.address, 1).out
    told = why(story.cleo.address, 1)["payment"]
    lines = {line.split()[-1].replace(",", "").replace(".", "") for line in shown.splitlines() if line.split() and "." in line.split()[-1]}
    for part in ("reward", "pot", "halved", "rounded"):
        assert f"{int(told[part]):019d}" in lines, part
    assert f"-{int(told['early']):019d}" in lines
    assert shown.count("half a share") == 2  # in words, and in the table
    earned = int(told["credits"][str(story.cleo.seat)])
    assert f"Earned {earned // TOKEN}.{earned % TOKEN:018d} tokens." in shown
    assert "its credit rose by as much" in shown
    nothing = cli.done("rewards", "--why", story.cleo.address, 2).out
    assert "Earned nothing." in nothing
    assert "1.000000000000000000 tokens of its stake were burnt" in nothing


def test_what_a_person_gets_wrong(cli: CommandLine, story: Story) -> None:
    stranger = Web3.to_checksum_address("0x" + "ab" * 20)
    ada = story.ada.address
    spoilt = "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # of EIP-55, with one capital made small
    for words, code, says in (
        ((stranger, 1), 5, f"No node {stranger} is registered"),
        (("nobody", 1), 5, "has the name 'nobody'"),
        ((ada[:-1], 1), 2, "0x and 40 figures"),
        ((spoilt, 1), 2, "capitals do not fit"),
        ((ada, 0), 5, "no round 0: it is at round 10"),
        ((ada, 11), 5, "no round 11"),
        ((ada, -1), 5, "no round -1"),
        ((ada, 1, "--group", 99_999), 5, "no group 99999"),
        ((ada, 1, "--group", story.other.group), 5, "no round 1, nor any other yet"),
        ((ada, "one"), 2, "valid integer"),
        ((ada,), 2, "requires 2 arguments"),
    ):
        ended = cli("rewards", "--why", *words)
        assert (ended.code, says in ended.err, "Traceback" in ended.err) == (code, True, False), (words, ended.err)
        assert ended.out == ""
    small, capital = (cli.done("rewards", "--why", address, 1).out for address in (ada.lower(), ada))
    assert small.partition("Read as of")[0] == capital.partition("Read as of")[0] != ""


def test_a_node_of_another_group_is_said_to_be(why: Why, story: Story) -> None:
    told = why(story.join(story.other.group).address, 1)
    assert told["because"] == [f"It had no seat in round 1 of group {story.group}, and sits in group {story.other.group}."]
    assert (told["seat"], told["earned"]) == (None, "0")


def test_where_the_chain_does_not_fit_together_nothing_is_told(cli: CommandLine, story: Story) -> None:
    """The budget that the chain shows is made another one: then round 3, which got what was left, cannot have been paid so."""
    rewards, web3 = story.contracts.rewards, story.web3
    slot = "0x" + keccak(encode(["uint256", "uint256"], [story.group, 0])).hex()
    before = bytes(web3.eth.get_storage_at(Web3.to_checksum_address(rewards.address), int(slot, 16)))
    budget = int.from_bytes(before, "big") & (1 << 128) - 1
    assert budget == rewards.budget_of(story.group)

    def put(word: int) -> None:
        web3.provider.make_request(RPCEndpoint("anvil_setStorageAt"), [rewards.address, slot, f"0x{word:064x}"])

    put(int.from_bytes(before, "big") - TOKEN)
    try:
        assert cli("rewards", "--why", story.ada.address, 2).code == 0, "it had enough either way"
        ended = cli("rewards", "--why", story.ada.address, 3)
    finally:
        put(int.from_bytes(before, "big"))
    assert (ended.code, ended.out) == (4, "")
    assert "By the rule round 3 paid" in ended.err
    assert "is not known" in ended.err
    cli.done("rewards", "--why", story.ada.address, 3)


def test_every_way_to_differ_from_the_event_is_seen(story: Story) -> None:
    past = read_past_round(story.contracts, story.group, Round(1), block(story.web3))
    facts, paid = past.facts, past.paid
    assert facts is not None
    assert paid is not None
    assert checked_payment(past).credits == paid.credits()
    for wrong in (
        replace(past, paid=None),
        replace(past, paid=replace(paid, paid=paid.paid + 1)),
        replace(past, paid=replace(paid, share=paid.share + UNIT)),
        replace(past, paid=replace(paid, whole=paid.whole | paid.half, half=0)),
        replace(past, facts=replace(facts, elapsed=facts.elapsed + 1)),
        replace(past, facts=replace(facts, voted=facts.voted | bitmap_of(facts.scores))),
    ):
        with pytest.raises(ChainError, match="By the rule round 1 paid"):
            checked_payment(wrong)
