"""Seats by the command line: migrating, new keys, invitations, and what people get wrong about them. Real Anvil; nothing is trained."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine, Ended
from web3 import Web3
from web3.types import RPCEndpoint

from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deployment import load_deployment
from swarm_chain.chain.local import free_port
from swarm_chain.chain.sender import Sender
from swarm_chain.cli.passwords import create_keys, open_key
from swarm_chain.cli.settings import Settings
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.node.keys import key_address
from swarm_chain.node.lock import exclusive
from swarm_chain.types import Address, Digest, GroupId, Round

DAY = 86_400
TERMS = ("--task", "digits", "--parts", 2, "--capacity", 2, "--stake", 100, "--idle-timeout", 60)


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A local swarm with two groups of two seats."""
    cli = CommandLine(tmp_path_factory.mktemp("membership"))
    try:
        cli.done("up", "--detach", "--port", free_port())
        for _ in range(2):
            cli.done("group", "create", *TERMS)
        yield cli
    finally:
        SwarmHome(cli.folder / ".swarm").end(SwarmHome(cli.folder / ".swarm").processes())


@pytest.fixture
def home(cli: CommandLine) -> SwarmHome:
    return SwarmHome(cli.folder / ".swarm")


@pytest.fixture
def web3(home: SwarmHome) -> Web3:
    chain = home.process("chain")
    assert chain is not None
    return connect(chain.url)


@pytest.fixture
def contracts(web3: Web3, home: SwarmHome) -> Contracts:
    return Contracts(web3, load_deployment(home.deployment))


@pytest.fixture
def pass_time(web3: Web3) -> Callable[[int], None]:
    def go(seconds: int) -> None:
        web3.provider.make_request(RPCEndpoint("evm_increaseTime"), [seconds])
        web3.provider.make_request(RPCEndpoint("evm_mine"), [])

    return go


def refused(ended: Ended, code: int, *says: str) -> None:
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    for part in says:
        assert part in ended.err, ended.err


def new_node(cli: CommandLine, name: str, group: int | None = None, tokens: int = 1000) -> dict[str, Any]:
    cli.done("node", "init", "--name", name, "--fund-local", "--tokens", tokens)
    if group is not None:
        cli.done("group", "join", group, "--name", name)
    (standing,) = [node for node in cli.done("node", "status", "--json").json if node["name"] == name]
    return dict(standing)


def new_group(cli: CommandLine, *terms: object) -> int:
    return int(cli.done("group", "create", *TERMS, *terms, "--json").json["group"])


def send_as_node(web3: Web3, home: SwarmHome, name: str, function: Any) -> None:
    Sender(web3, open_key(home.node_key(name), Settings(home=home.path), home)).send(function)


# ------------------------------------------------------------------------------------------------ migrating


def test_migrate_says_which_stake_is_needed_and_when_the_old_one_comes_free(
    cli: CommandLine, home: SwarmHome, contracts: Contracts, web3: Web3, pass_time: Callable[[int], None]
) -> None:
    first, second = new_group(cli), new_group(cli)
    standing = new_node(cli, "ada", first, tokens=150)
    journal = home.node("ada") / "journal.db"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"of the old group")
    refused(cli("group", "migrate", "--from", first, "--to", second, "--name", "ada"), 4, "holds 50 tokens", "needs 100")
    assert journal.exists(), "nothing has changed"
    cli.done("node", "init", "--name", "ada", "--fund-local", "--tokens", 100)
    # A round is open in which it has not revealed yet: to leave it alone would cost stake.
    node = Address(standing["node"])
    send_as_node(web3, home, "ada", contracts.rounds.commit(GroupId(first), Round(1), Digest(b"\x01" * 32), b"c" * 24))
    refused(cli("group", "migrate", "--from", first, "--to", second, "--name", "ada"), 2, "round 1", "not revealed", "stop it")
    pass_time(90)
    moved = cli.done("group", "migrate", "--from", first, "--to", second, "--name", "ada")
    assert f"seat 0 of group {second}" in moved.err
    assert "100 tokens) comes free once round 1 is settled" in moved.err
    assert not journal.exists(), "another group, another journal"
    assert [path.read_bytes() for path in home.node("ada").glob("journal-until-*.db")] == [b"of the old group"]
    assert contracts.stakes.stake_of(standing["identity"]) == (0, 200 * 10**18)
    assert "run this again" in cli.done("group", "leave", first, "--name", "ada").err
    pass_time(60)
    send_as_node(web3, home, "ada", contracts.rounds.settle_void(GroupId(first)))
    assert "99 tokens of stake" in cli.done("group", "leave", first, "--name", "ada").err, "a commit was not revealed"
    assert contracts.views.seat(GroupId(second), node) is not None


def test_mistakes_with_migrating(cli: CommandLine) -> None:
    first, second = new_group(cli), new_group(cli)
    new_node(cli, "bob", first)

    def migrate(from_: int, to: int, *more: object, name: str = "bob") -> Ended:
        return cli("group", "migrate", "--from", from_, "--to", to, "--name", name, *more)

    refused(migrate(first, first), 2, "two different")
    refused(migrate(first, 999), 5, "no group 999", "group list")
    refused(migrate(999, second), 5, "no group 999")
    refused(migrate(second, first), 2, "has seat 0", f"group leave {second}")
    refused(migrate(first, second, name="nobody"), 3, "no key file")
    new_node(cli, "carol")
    refused(migrate(first, second, name="carol"), 5, "no seat")
    # The key of somebody else.
    other = SwarmHome(cli.folder / ".swarm").operator_key("carol")
    refused(migrate(first, second, "--key", other), 2, "belongs to the operator", "--key")
    # A full group.
    for name in ("dan", "eve"):
        new_node(cli, name, second)
    refused(migrate(first, second), 2, "All 2 seats", "keeps its seat", "come free")
    # Nothing of this took a seat away.
    cli.done("group", "leave", first, "--name", "bob")
    refused(migrate(first, new_group(cli)), 5, "no seat")


def test_a_node_that_runs_is_stopped_first(cli: CommandLine, home: SwarmHome) -> None:
    first, second = new_group(cli), new_group(cli)
    new_node(cli, "fay", first)
    with exclusive(home.node("fay")):
        refused(cli("group", "migrate", "--from", first, "--to", second, "--name", "fay"), 3, "in use", "Stop that process")
        refused(cli("node", "rotate-key", "--name", "fay"), 3, "in use", "Stop that process")


# ------------------------------------------------------------------------------------------------ new keys


def test_rotate_keeps_identity_seat_and_reputation(cli: CommandLine, home: SwarmHome, contracts: Contracts) -> None:
    group = GroupId(new_group(cli))
    before = new_node(cli, "gus", group)
    seat = contracts.views.seat(group, Address(before["node"]))
    assert seat is not None
    said = cli.done("node", "rotate-key", "--name", "gus").err
    (after,) = [node for node in cli.done("node", "status", "--json").json if node["name"] == "gus"]
    assert after["node"] != before["node"]
    assert after["node"] in said
    assert (after["identity"], after["operator"]) == (before["identity"], before["operator"])
    assert (after["group"], after["seat"]) == (group, seat.seat)
    now = contracts.views.seat(group, Address(after["node"]))
    assert now is not None
    assert (now.reputation, now.age, now.identity) == (seat.reputation, seat.age, seat.identity)
    assert contracts.views.seat(group, Address(before["node"])) is None
    assert contracts.identities.identity_of(Address(before["node"])) == 0
    assert len(list((home.keys / "gus").glob("node.until-*.json"))) == 1, "the old key's file is kept"
    assert not (home.keys / "gus" / "node.next.json").exists()


def test_an_interrupted_rotation_goes_on(cli: CommandLine, home: SwarmHome, contracts: Contracts, web3: Web3) -> None:
    group = GroupId(new_group(cli))
    before = new_node(cli, "hal", group)
    settings = Settings(home=home.path)
    # As if it had been killed when the key was registered and the seat not yet handed over.
    path = home.keys / "hal" / "node.next.json"
    create_keys([path], settings, home, local=True)
    node, operator = open_key(path, settings, home), open_key(home.operator_key("hal"), settings, home)
    Sender(web3, operator).send(contracts.identities.rotate(before["identity"], node, Address(str(operator.address))))
    cli.done("node", "rotate-key", "--name", "hal")
    seat = contracts.views.seat(group, Address(str(node.address)))
    assert seat is not None
    assert contracts.identities.nonce_of(before["identity"]) == 1, "it was rotated once"
    assert cli.done("node", "init", "--name", "hal", "--json").json["node"] == node.address


def test_a_rotation_that_ends_between_the_key_files_leaves_the_node_one(
    cli: CommandLine, home: SwarmHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, files = new_node(cli, "kim", new_group(cli)), home.keys / "kim"

    def torn(move: Any) -> Any:
        def moved(path: Path, target: Path) -> Any:
            if path.name == "node.next.json":
                raise OSError("The power went.")
            return move(path, target)

        return moved

    with monkeypatch.context() as ending:
        for move in ("rename", "replace"):
            ending.setattr(Path, move, torn(getattr(Path, move)))
        assert cli("node", "rotate-key", "--name", "kim").code == 1
    following = key_address(files / "node.next.json")
    cli.done("node", "rotate-key", "--name", "kim")
    assert key_address(files / "node.json") == following
    assert [key_address(path) for path in files.glob("node.until-*.json")] == [before["node"]]
    assert not (files / "node.next.json").exists()


def test_mistakes_with_rotating(cli: CommandLine, home: SwarmHome, contracts: Contracts, web3: Web3) -> None:
    new_node(cli, "ida")
    refused(cli("node", "rotate-key", "--name", "ida"), 5, "not registered", "group join")
    group = new_group(cli)
    standing = new_node(cli, "jan", group)
    refused(cli("node", "rotate-key", "--name", "jan", "--key", home.operator_key("ida")), 2, "belongs to the operator")
    send_as_node(web3, home, "jan", contracts.rounds.commit(GroupId(group), Round(1), Digest(b"\x01" * 32), b"c" * 24))
    refused(cli("node", "rotate-key", "--name", "jan"), 2, "not revealed")
    cli.done("group", "leave", group, "--name", "jan")
    refused(cli("node", "rotate-key", "--name", "jan"), 2, "was left and is not free yet", f"group leave {group}")
    assert contracts.identities.identity_of(Address(standing["node"])) == standing["identity"], "nothing was changed"
    assert not list((home.keys / "jan").glob("node.next.json"))


# ------------------------------------------------------------------------------------------------ invitations


def test_what_is_wrong_with_an_invitation_is_said(cli: CommandLine, pass_time: Callable[[int], None]) -> None:
    group, other = new_group(cli, "--by-invitation"), new_group(cli, "--by-invitation")
    kim, leo = (new_node(cli, name, new_group(cli))["identity"] for name in ("kim", "leo"))

    def invite(identity: int, to: int, *more: object) -> str:
        return cli.done("group", "invite", identity, "--group", to, *more).out.strip()

    def join(name: str, *more: object) -> Ended:
        return cli("group", "join", group, "--name", name, *more)

    refused(join("kim"), 2, "by invitation", f"group invite {kim} --group {group}", "--invitation")
    refused(join("kim", "--invitation", invite(kim, other)), 2, "not one of", f"to group {group}")
    refused(join("kim", "--invitation", invite(leo, group)), 2, "not one of", f"identity {kim}")
    expired = invite(kim, group, "--days", 1)
    pass_time(DAY + 60)
    refused(join("kim", "--invitation", expired), 2, "counted until", "UTC", "again")
    # Signed by somebody else: refused before anything is signed, and, made by hand, when it is used.
    refused(cli("group", "invite", kim, "--group", group, "--key", SwarmHome(cli.folder / ".swarm").operator_key("kim")), 2, "created by")
    forged = bytearray(bytes.fromhex(invite(kim, group)[2:]))
    forged[-40] ^= 1
    refused(join("kim", "--invitation", "0x" + forged.hex()), 2, "not one of")
    for nonsense in ("0x1234", "0xzz", "none.txt"):
        refused(join("kim", "--invitation", nonsense), 2, "neither a file nor hex")
    good = invite(kim, group)
    assert "holds seat" in join("kim", "--invitation", good).err
    assert "holds seat" in cli.done("group", "join", group, "--name", "kim", "--invitation", good).err, "again: it sits there already"
    # Used up, also after leaving.
    cli.done("group", "leave", group, "--name", "kim")
    refused(join("kim", "--invitation", good), 2, "used already", "each counts once")


def test_migrating_into_a_closed_group_takes_an_invitation(cli: CommandLine) -> None:
    first, closed = new_group(cli), new_group(cli, "--by-invitation")
    identity = new_node(cli, "mia", first)["identity"]
    refused(cli("group", "migrate", "--from", first, "--to", closed, "--name", "mia"), 2, "by invitation", "keeps its seat")
    invitation = cli.done("group", "invite", identity, "--group", closed).out.strip()
    assert (
        f"of group {closed}"
        in cli.done("group", "migrate", "--from", first, "--to", closed, "--name", "mia", "--invitation", invitation).err
    )
