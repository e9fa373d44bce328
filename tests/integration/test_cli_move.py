"""A group moves to a new deployment: three nodes train on the first, each goes along with its stake, and they train on there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from command_line import CommandLine, Ended
from web3 import Web3
from web3.types import RPCEndpoint

from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deployment import load_deployment
from swarm_chain.chain.local import free_port, play_account
from swarm_chain.chain.sender import Sender
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.protocol.commitment import result_hash
from swarm_chain.protocol.model import decode_model, model_root
from swarm_chain.storage.cid import digest_of
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import ZERO32, Address, Digest, GroupId, Result, Round

NAMES = ("ada", "bob", "cleo")
FIRST, SECOND = 2, 1
TOKEN = 10**18


@dataclass
class Moving:
    """A swarm folder with two deployments on one chain."""

    cli: CommandLine
    home: SwarmHome
    web3: Web3
    to: Path

    @property
    def old(self) -> Contracts:
        return Contracts(self.web3, load_deployment(self.home.deployment))

    @property
    def new(self) -> Contracts:
        return Contracts(self.web3, load_deployment(self.to))

    def pass_time(self, seconds: int) -> None:
        self.web3.provider.make_request(RPCEndpoint("evm_increaseTime"), [seconds])
        self.web3.provider.make_request(RPCEndpoint("evm_mine"), [])

    def node(self, name: str) -> Address:
        return Address(json.loads(self.cli.done("node", "init", "--name", name, "--json").out)["node"])

    def train(self, rounds: int, *where: object) -> None:
        running = [self.cli.start("node", "run", "--name", name, "--rounds", rounds, *where) for name in NAMES]
        for process in running:
            _, said = process.communicate(timeout=200)
            assert process.returncode == 0, said

    def follow(self, name: str, *more: object) -> Ended:
        return self.cli("group", "follow", 1, "--to", self.to, "--new-group", 1, "--name", name, *more)


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moving]:
    cli = CommandLine(tmp_path_factory.mktemp("moving"), {"SWARM_CHAIN_POLL_INTERVAL": "0.2"})
    home = SwarmHome(cli.folder / ".swarm")
    try:
        cli.done("up", "--detach", "--port", free_port(), "--gateway")
        seats = ("--parts", 3, "--capacity", 3, "--min-updates", 2, "--reward", 10, "--stake", 100)
        # Of a rule that earlier releases had, too.
        cli.done("group", "create", "--rule", "trimmed-mean", "--task", "digits", "--steps", 4, "--challenge-window", 2, *seats)
        cli.done("group", "fund", 1, "--amount", 500)
        for name in NAMES:
            cli.done("node", "init", "--name", name, "--fund-local", "--tokens", 100)
            cli.done("group", "join", 1, "--name", name)
        chain = home.process("chain")
        assert chain is not None
        yield Moving(cli, home, connect(chain.url), cli.folder / "new release" / "deployment.json")
    finally:
        home.end(home.processes())


def test_a_group_moves_with_its_model_its_members_and_their_stakes(moving: Moving) -> None:
    cli, home = moving.cli, moving.home
    moving.train(FIRST)
    old = moving.old
    final = old.rounds.final_result(GroupId(1))
    assert final is not None
    assert final.round == FIRST

    # ---- the new release's contracts, around the token and the identities
    said = cli("deploy", "--keep", home.deployment)
    assert (said.code, "--deployment FILE" in said.err) == (2, True)
    cli.done("deploy", "--keep", home.deployment, "--deployment", moving.to)
    assert "Already deployed" in cli.done("deploy", "--keep", home.deployment, "--deployment", moving.to).err
    new = moving.new
    for name in ("SwarmToken", "IdentityRegistry"):
        assert new.deployment.addresses[name] == old.deployment.addresses[name]

    # ---- the group
    refused = cli("group", "move", 1, "--to", home.deployment)
    assert (refused.code, "deploy --keep" in refused.err) == (2, True)
    refused = cli("group", "move", 7, "--to", moving.to)
    assert (refused.code, "no group 7" in refused.err) == (5, True)
    moved = cli.done("group", "move", 1, "--to", moving.to)
    assert f"begins with the model of round {FIRST}" in moved.err
    assert "stay in group 1: nobody can take them out" in moved.err
    assert "group follow 1" in moved.err
    assert cli.done("group", "move", 1, "--to", moving.to, "--json").json["group"] == 1, "run again, it finds what it made"
    assert new.groups.group_count() == 1
    was, becomes = old.groups.group(GroupId(1)), new.groups.group(GroupId(1))
    assert becomes.terms == was.terms
    assert becomes.manifest_digest == was.manifest_digest
    assert (becomes.genesis_digest, becomes.genesis_root) == (final.model_digest, final.model_root)
    cli.done("group", "fund", 1, "--amount", 100, "--deployment", moving.to)

    # ---- a group that only looks like it is not followed
    cli.done("group", "create", "--task", "digits", "--steps", 4, "--parts", 3, "--capacity", 3, "--deployment", moving.to)
    ended = cli("group", "follow", 1, "--to", moving.to, "--new-group", 2, "--name", "ada")
    assert (ended.code, "does not begin with a final model" in ended.err) == (2, True)
    cli.done("group", "create", "--task", "digits", "--steps", 5, "--deployment", moving.to)
    ended = cli("group", "follow", 1, "--to", moving.to, "--new-group", 3, "--name", "ada")
    assert (ended.code, "learns something else" in ended.err) == (2, True)

    # ---- saved by one release, created by another
    folder = cli.folder / "on its way"
    cli.done("group", "move", 1, "--save", folder)
    assert cli.done("group", "move", "--saved", folder, "--to", moving.to, "--json").json["group"] == 1, "it finds what is there"
    for words in (("--to", moving.to, "--save", folder), (), ("--saved", folder)):
        ended = cli("group", "move", 1, *words)
        assert (ended.code, "--to FILE or --save FOLDER" in ended.err) == (2, True)
    assert cli("group", "move", "--saved", home.path, "--to", moving.to).code == 3
    written = json.loads((folder / "group.json").read_text())
    before_mixing = {name: value for name, value in written["terms"].items() if name != "mixing"}
    (folder / "group.json").write_text(json.dumps(written | {"terms": before_mixing}))
    assert cli.done("group", "move", "--saved", folder, "--to", moving.to, "--json").json["group"] == 1, "an earlier release saved it"
    for part, value, says in (
        ("model_root", "00" * 32, "does not give the root"),
        ("model_digest", "00" * 32, "lacks the bytes"),
        ("version", 2, "version 2"),
        ("terms", {}, "not of a saved group"),
    ):
        (folder / "group.json").write_text(json.dumps(written | {part: value}))
        ended = cli("group", "move", "--saved", folder, "--to", moving.to)
        assert ended.code in (3, 6), ended.err
        assert says in ended.err

    # ---- the members: their last round is not settled; only ada has a second stake
    cli.done("node", "init", "--name", "ada", "--fund-local", "--tokens", 100)
    identities = {name: old.identities.identity_of(moving.node(name)) for name in NAMES}
    balances = {name: held(moving, name) for name in NAMES}
    joined = moving.follow("ada")
    assert "holds seat" in joined.err
    assert f"when round {FIRST + 1} there is settled. Run this again then" in joined.err
    for name in NAMES[1:]:
        waiting = moving.follow(name)
        assert waiting.code == 0, waiting.err
        assert f"when round {FIRST + 1} there is settled. Then it joins" in waiting.err
        assert new.views.seat(GroupId(1), moving.node(name)) is None
    moving.pass_time(400)
    claimed = 0
    for name in NAMES:
        followed = moving.follow(name)
        assert followed.code == 0, followed.err
        assert "holds seat" in followed.err
        assert "run this again" not in followed.err
        assert moving.follow(name).code == 0, "once more changes nothing"
        identity = identities[name]
        assert new.identities.identity_of(moving.node(name)) == identity, "the identity came along"
        assert old.stakes.stake_of(identity) == (0, 0)
        assert new.stakes.stake_of(identity) == (0, 100 * TOKEN)
        assert held(moving, name) == balances[name]
        assert old.views.seat(GroupId(1), moving.node(name)) is None
        claimed += int(cli.done("claim", "--name", name, "--json").json["amount"])
    budget = old.rewards.budget_of(GroupId(1))
    assert claimed == 500 * TOKEN - budget, "credits of the old rounds are still theirs; a round within a second paid none"
    assert 0 < budget <= 500 * TOKEN, "what the rounds did not pay stays there"

    # ---- and they train on
    moving.train(SECOND, "--deployment", moving.to, "--group", 1)
    (first,) = new.rounds.finals(GroupId(1))
    genesis = Result(Round(0), ZERO32, final.model_digest, final.model_root, ZERO32, 0, b"", b"", 0)
    assert first.result.parent == result_hash(new.domain(GroupId(1)), genesis), "the first round starts from the moved model"
    assert first.result.included.bit_count() >= 2
    model = bytes_of(home, final.model_digest)
    assert digest_of(model) == final.model_digest
    assert model_root(decode_model(model, was.terms.dimension, was.terms.fraction_bits)) == becomes.genesis_root
    # The members measured what they started from: it is as good as what they had, not an untrained network.
    assert first.result.metric > old_metrics(old)[0]
    assert old.rewards.budget_of(GroupId(1)) == budget

    # ---- what else a member may agree to
    cli.done("node", "init", "--name", "dora", "--fund-local", "--tokens", 200)
    cli.done("group", "join", 1, "--name", "dora")
    earlier = next(each.result for each in old.rounds.finals(GroupId(1)) if each.result.round < FIRST)
    others = replace(was.terms, reward_per_round=was.terms.reward_per_round + 10**9)
    sender = Sender(moving.web3, play_account(0))
    for result in (final, earlier):
        sender.send(new.groups.create(others, was.manifest_digest, result.model_digest, result.model_root))
    last = new.groups.group_count()
    for group, says in ((last - 1, "other terms (reward_per_round)"), (last, f"begins with the model of round {earlier.round}; the last")):
        ended = moving.follow("dora", "--new-group", group)
        assert (ended.code, says in ended.err, "Add --anyway" in ended.err) == (2, True, True), ended.err
        assert old.views.seat(GroupId(1), moving.node("dora")) is not None
    assert f"holds seat 0 of group {last}" in moving.follow("dora", "--new-group", last, "--anyway").err


def held(moving: Moving, name: str) -> int:
    operator = Address(json.loads(moving.cli.done("node", "init", "--name", name, "--json").out)["operator"])
    return moving.old.token.balance_of(operator)


def old_metrics(contracts: Contracts) -> list[int]:
    """Metrics of the parents of each final round, the first one's that of the untrained network."""
    return [final.result.metric for final in contracts.rounds.finals(GroupId(1))]


def bytes_of(home: SwarmHome, digest: Digest) -> bytes:
    """From the store of the node that trained with it."""
    store = EmbeddedStore(home.node("bob") / "store")
    try:
        return store.get(digest, 1 << 24)
    finally:
        store.close()
