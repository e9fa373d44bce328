"""Closed groups by the command line: how a key goes to members, and what people get wrong. Real Anvil; nothing is trained."""

import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import CommandLine, Ended

from swarm_chain.chain.deployment import load_deployment
from swarm_chain.chain.identity import public_key
from swarm_chain.chain.local import free_port
from swarm_chain.cli.invitation import read_invitation
from swarm_chain.cli.published import Published
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.learning.manifest import group_key_of
from swarm_chain.learning.task import DIGITS, Task
from swarm_chain.node.keys import GROUP_KEYS, group_key_path, key_address, load_key
from swarm_chain.protocol.group_key import Recipient, fresh_key, key_commitment, wrap
from swarm_chain.storage.cid import cid_of
from swarm_chain.types import Address, Digest, GroupId

CLOSED = ("--task", "digits", "--parts", 2, "--capacity", 16, "--stake", 100, "--by-invitation", "--closed")


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A local swarm with a closed group, which is number 1, and a node called ada, which is identity 1 and has no seat there."""
    cli = CommandLine(tmp_path_factory.mktemp("closed"))
    home = SwarmHome(cli.folder / ".swarm")
    try:
        cli.done("up", "--detach", "--port", free_port())
        cli.done("group", "create", *CLOSED)
        new_node(cli, "ada")
        yield cli
    finally:
        home.end(home.processes())


@pytest.fixture
def home(cli: CommandLine) -> SwarmHome:
    return SwarmHome(cli.folder / ".swarm")


def new_node(cli: CommandLine, name: str) -> int:
    """Registers a node by a seat in a group of its own; its identity."""
    other = cli.done("group", "create", "--task", "digits", "--stake", 100, "--json").json["group"]
    cli.done("node", "init", "--name", name, "--fund-local", "--tokens", 1000)
    cli.done("group", "join", other, "--name", name)
    (standing,) = [node for node in cli.done("node", "status", "--json").json if node["name"] == name]
    return int(standing["identity"])


def refused(ended: Ended, code: int, *says: str) -> None:
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    for part in says:
        assert part in ended.err, ended.err


def invite(cli: CommandLine, identity: int, group: int = 1) -> str:
    return cli.done("group", "invite", identity, "--group", group).out.strip()


def join(cli: CommandLine, name: str, invitation: str, group: int = 1) -> Ended:
    return cli("group", "join", group, "--name", name, "--invitation", invitation)


def opened(home: SwarmHome, folder: Path) -> list[bytes]:
    return [bytes(load_key(path, home.password_file.read_text().strip()).key) for path in sorted(folder.glob(GROUP_KEYS))]


def manifest_of(cli: CommandLine, home: SwarmHome, group: int) -> bytes:
    """Of a group that was created here."""
    digest = cli.done("group", "show", group, "--json").json["manifest_digest"]
    return Published(home.published).files()[Digest(bytes.fromhex(digest.removeprefix("0x")))]


def key_file(cli: CommandLine, home: SwarmHome, group: int) -> Path:
    commitment = group_key_of(manifest_of(cli, home, group))
    assert commitment is not None
    return group_key_path(home.group_keys, commitment)


def test_a_closed_group_has_a_key_that_its_manifest_commits_to(cli: CommandLine, home: SwarmHome) -> None:
    (path,) = home.group_keys.glob(GROUP_KEYS)
    (key,) = opened(home, home.group_keys)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key_commitment(key) == group_key_of(manifest_of(cli, home, 1))
    said = cli.done("group", "create", *CLOSED).err
    assert "keep a copy" in said
    assert len(set(opened(home, home.group_keys))) == 2, "each group has its own"
    assert path in home.key_files(), "`down` keeps it"


def test_a_closed_group_can_be_private_too(cli: CommandLine, home: SwarmHome) -> None:
    group = int(cli.done("group", "create", *CLOSED, "--privacy-epsilon", 8, "--json").json["group"])
    assert key_file(cli, home, group).exists()
    out = " ".join(cli.done("group", "show", group).out.split())
    assert "open to members alone" in out
    assert "epsilon 8 at delta 1e-05" in out
    task = Task.decode(manifest_of(cli, home, group))
    assert task.local.privacy is not None
    assert task.local.privacy.epsilon == 8


def test_an_invited_member_gets_the_key_and_nobody_else_does(cli: CommandLine, home: SwarmHome) -> None:
    invitation = invite(cli, 1)
    assert len(read_invitation(invitation).wrapped_key) == 82
    bob = new_node(cli, "bob")
    refused(join(cli, "bob", invitation), 2, "is not for", "in group 1", "Nothing was sent", "group invite")
    assert not list(home.node_key("bob").parent.glob(GROUP_KEYS))
    said = join(cli, "ada", invitation)
    assert said.code == 0, said.err
    assert "The key of group 1 is kept as" in said.err
    assert "holds seat 0 of group 1" in said.err
    (path,) = home.node_key("ada").parent.glob(GROUP_KEYS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert opened(home, path.parent)[0] in opened(home, home.group_keys)
    # Who comes late gets the same key by an invitation of its own, from a file.
    (cli.folder / "invitation.txt").write_text(invite(cli, bob) + "\n")
    assert "holds seat 1 of group 1" in join(cli, "bob", "invitation.txt").err
    assert opened(home, home.node_key("bob").parent) == opened(home, path.parent)


def test_a_member_that_lost_the_key_gets_it_again(cli: CommandLine, home: SwarmHome) -> None:
    name = "cyd"
    identity = new_node(cli, name)
    assert join(cli, name, invite(cli, identity)).code == 0
    (path,) = home.node_key(name).parent.glob(GROUP_KEYS)
    before = opened(home, path.parent)
    path.unlink()
    refused(cli("node", "run", "--group", 1, "--name", name), 3, "Group 1 is closed", "its key is not here", "group invite", "group join 1")
    assert join(cli, name, invite(cli, identity)).code == 0
    assert opened(home, path.parent) == before


def test_backups_take_the_key_along(cli: CommandLine, home: SwarmHome) -> None:
    name = "dot"
    assert join(cli, name, invite(cli, new_node(cli, name))).code == 0
    (path,) = home.node_key(name).parent.glob(GROUP_KEYS)
    assert f"keys/{path.name}" in cli.done("node", "backup", "dot.backup", "--name", name).err
    cli.done("node", "restore", "dot.backup", "--home", "elsewhere")
    restored = SwarmHome(cli.folder / "elsewhere").node_key(name).parent / path.name
    assert restored.read_bytes() == path.read_bytes()
    assert stat.S_IMODE(restored.stat().st_mode) == 0o600
    (key,) = opened(home, path.parent)
    assert key not in (cli.folder / "dot.backup").read_bytes(), "it stays encrypted"


def test_a_new_node_key_needs_no_new_invitation(cli: CommandLine, home: SwarmHome) -> None:
    name = "eli"
    identity = new_node(cli, name)
    early = invite(cli, identity)
    before = key_address(home.node_key(name))
    cli.done("node", "rotate-key", "--name", name)
    assert key_address(home.node_key(name)) != before
    refused(join(cli, name, early), 2, "is not for", "group invite")  # it was wrapped for the key before
    other = cli.done("group", "create", *CLOSED, "--json").json["group"]
    assert join(cli, name, invite(cli, identity, other), other).code == 0, "the key of today is what is wrapped for"


def test_what_is_wrong_with_an_invitation_is_said_before_anything_is_sent(cli: CommandLine, home: SwarmHome) -> None:
    name = "fay"
    identity = new_node(cli, name)
    other = cli.done("group", "create", *CLOSED, "--json").json["group"]
    good, elsewhere = read_invitation(invite(cli, identity)), read_invitation(invite(cli, identity, other))
    bent = bytearray(good.wrapped_key)
    bent[40] ^= 1
    refused(join(cli, name, str(replace(good, wrapped_key=b""))), 2, "closed", "does not bring its key", "Nothing was sent")
    refused(join(cli, name, str(replace(good, wrapped_key=bytes(bent)))), 2, "is not for", "Nothing was sent")
    refused(join(cli, name, str(replace(good, wrapped_key=good.wrapped_key[:-1]))), 2, "is not for", "Nothing was sent")
    refused(join(cli, name, str(replace(good, wrapped_key=elsewhere.wrapped_key))), 2, "is not for", "Nothing was sent")
    node = load_key(home.node_key(name), home.password_file.read_text().strip())
    deployment = load_deployment(home.deployment)
    recipient = Recipient(deployment.chain_id, deployment.addresses["GroupRegistry"], GroupId(1), Address(node.address))
    other_key = wrap(fresh_key(), public_key(node), recipient)
    refused(join(cli, name, str(replace(good, wrapped_key=other_key))), 2, "not the one that group 1 was created with", "Nothing was sent")
    for nonsense in (f"{good}.00", f"{good}zz", str(good).replace(".", ":"), f".{good.wrapped_key.hex()}"):
        refused(join(cli, name, nonsense), 2, "neither a file nor hex")
    assert not list(home.node_key(name).parent.glob(GROUP_KEYS))
    refused(cli("group", "join", 1, "--name", name), 2, "by invitation", f"group invite {identity} --group 1")
    assert join(cli, name, str(good)).code == 0


def test_migrating_into_a_closed_group_brings_its_key(cli: CommandLine, home: SwarmHome) -> None:
    name = "gus"
    identity = new_node(cli, name)
    (first,) = [node["group"] for node in cli.done("node", "status", "--json").json if node["name"] == name]
    good = read_invitation(invite(cli, identity))
    migrate = ("group", "migrate", "--from", first, "--to", 1, "--name", name, "--invitation")
    refused(cli(*migrate, str(replace(good, wrapped_key=b""))), 2, "does not bring its key", "Nothing was sent")
    assert "of group 1" in cli.done(*migrate, str(good)).err
    assert opened(home, home.node_key(name).parent)[0] in opened(home, home.group_keys)


def test_a_closed_group_moves_with_its_key(cli: CommandLine, home: SwarmHome) -> None:
    name, to = "hal", cli.folder / "new.json"
    identity = new_node(cli, name)
    group = int(cli.done("group", "create", *CLOSED, "--json").json["group"])
    assert join(cli, name, invite(cli, identity, group), group).code == 0
    kept = opened(home, home.node_key(name).parent)
    cli.done("deploy", "--keep", home.deployment, "--deployment", to)
    moved = int(cli.done("group", "move", group, "--to", to, "--json").json["group"])
    again = cli.done("group", "invite", identity, "--group", moved, "--deployment", to).out.strip()
    follow = ("group", "follow", group, "--to", to, "--new-group", moved, "--name", name, "--invitation")
    # Who lost the key gets it by the new invitation too, and not by what was wrapped for the old contracts.
    next(home.node_key(name).parent.glob(GROUP_KEYS)).unlink()
    strange = str(replace(read_invitation(again), wrapped_key=read_invitation(invite(cli, identity, group)).wrapped_key))
    refused(cli(*follow, strange), 2, "is not for", f"in group {moved}")
    assert f"of group {moved}" in cli.done(*follow, again).err
    assert opened(home, home.node_key(name).parent) == kept


def test_mistakes_with_creating_and_inviting(cli: CommandLine, home: SwarmHome) -> None:
    groups = len(cli.done("group", "list", "--json").json)
    refused(cli("group", "create", "--task", "digits", "--closed"), 2, "comes with invitations", "--by-invitation", "Nothing was sent")
    manifest = {**DIGITS.to_manifest(), "group_key": "0" * 64}
    (cli.folder / "closed.json").write_text(json.dumps(manifest))
    for flags in ((), ("--by-invitation", "--closed")):
        refused(cli("group", "create", "--manifest", "closed.json", *flags), 3, "group_key of another closed group", "--closed")
    assert len(cli.done("group", "list", "--json").json) == groups
    refused(cli("group", "invite", 999, "--group", 1), 5, "no identity 999", "Nothing was signed")
    other = cli.done("group", "create", *CLOSED, "--json").json["group"]
    made = key_file(cli, home, other)
    content = made.read_bytes()
    made.unlink()
    refused(cli("group", "invite", 1, "--group", other), 3, "its key is not in", "Put your copy back", str(made))
    made.write_bytes(content)
    assert "." in invite(cli, 1, other)
    # Without the manifest nobody knows whether the group is closed: one that is not can be invited to all the same.
    content = manifest_of(cli, home, other)
    published = home.published / str(cid_of(content))
    published.unlink()
    without = cli.done("group", "invite", 1, "--group", other)
    assert "does not bring its key" in without.err
    assert not read_invitation(without.out.strip()).wrapped_key
    published.write_bytes(content)


def test_a_watcher_without_the_key_says_once_that_it_judges_nothing(cli: CommandLine, home: SwarmHome) -> None:
    said = cli.done("watch", "--group", 1, "--once").err
    assert said.count("Group 1 is closed") == 1
    assert "not judged" in said
    path = key_file(cli, home, 1)
    assert path.name in said, "which key it takes"
    assert "closed" not in cli.done("watch", "--group", 1, "--once", "--group-key-file", path).err
    cli.done("group", "create", *CLOSED)
    wrong = next(other for other in home.group_keys.glob(GROUP_KEYS) if other.name != path.name)
    refused(cli("watch", "--group", 1, "--once", "--group-key-file", wrong), 3, "its key is not here", "of other groups")
    refused(cli("watch", "--group", 1, "--once", "--group-key-file", "none.json"), 3, "no key file none.json")
