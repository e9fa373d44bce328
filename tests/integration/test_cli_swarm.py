"""A swarm of one's own by the command line: up, group, node, join, leave, second swarm, down. Real Anvil, real processes."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from command_line import CommandLine

from swarm_chain.chain.artifacts import CONTRACTS
from swarm_chain.chain.local import free_port
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.storage.cid import Cid, sha256

TOKEN = 10**18


def home_of(cli: CommandLine) -> SwarmHome:
    return SwarmHome(cli.folder / ".swarm")


def waits_until(node: subprocess.Popen[str], status: Path, reached: Callable[[dict[str, Any]], bool]) -> None:
    """Waits until a running node's status is as wanted."""
    deadline = time.monotonic() + 120
    while not (status.exists() and reached(json.loads(status.read_text()))):
        assert node.poll() is None, node.communicate()[1]
        assert time.monotonic() < deadline, status.read_text() if status.exists() else "it has no status"
        time.sleep(0.1)


def is_alone(status: dict[str, Any]) -> bool:
    return bool(status["message"] == "waiting for 2 members" and status["round"] == 0)


def has_committed(status: dict[str, Any]) -> bool:
    return int(status["round"]) >= 1


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A local swarm in a folder with a space in its name: chain, gateway, one group of two seats."""
    cli = CommandLine(tmp_path_factory.mktemp("my swarm"))
    try:
        cli.done("up", "--detach", "--port", free_port(), "--gateway")
        cli.done("group", "create", "--task", "digits", "--parts", 2, "--capacity", 2, "--reward", 40, "--stake", 25.5)
        yield cli
    finally:
        home_of(cli).end(home_of(cli).processes())


def test_up_again_finds_it_running(cli: CommandLine) -> None:
    before = home_of(cli).processes()
    again = cli.done("up", "--json")
    assert "runs already" in again.err
    assert again.json["chain_id"] == 31337
    assert list(again.json["addresses"]) == list(CONTRACTS)
    assert home_of(cli).processes() == before


def test_up_on_another_port_than_it_runs_on_is_refused(cli: CommandLine) -> None:
    ended = cli("up", "--detach", "--port", free_port())
    assert (ended.code, "runs already" in ended.err) == (3, True)


def test_deploy_finds_what_is_deployed(cli: CommandLine) -> None:
    deployed = cli.done("deploy", "--json")
    assert "Already deployed" in deployed.err
    assert deployed.json["addresses"] == json.loads(home_of(cli).deployment.read_text())["addresses"]


def test_a_group_is_listed_and_shown(cli: CommandLine) -> None:
    (listed,) = cli.done("group", "list", "--json").json
    shown = cli.done("group", "show", "1", "--json").json
    assert (listed["group"], listed["round"], listed["phase"]) == (1, 0, "closed")
    assert shown["terms"]["stake"] == 25_500_000_000_000_000_000
    assert (shown["terms"]["capacity"], shown["terms"]["reward_per_round"]) == (2, 40 * TOKEN)
    assert shown["manifest"]["name"] == "digits"
    out = " ".join(cli.done("group", "show").out.split())
    assert "dense-int8, open to everybody" in out
    assert "0 of 2" in out


def test_a_group_whose_manifest_nobody_has_is_shown_all_the_same(cli: CommandLine, tmp_path: Path) -> None:
    home = home_of(cli)
    chain = home.process("chain")
    assert chain is not None
    elsewhere = ("--home", tmp_path / "elsewhere", "--rpc", chain.url, "--deployment", home.deployment)
    out = " ".join(cli.done("group", "show", "1", *elsewhere).out.split())
    assert "learns not known here:" in out
    assert "40 a round" in out
    assert cli.done("group", "show", "1", "--json", *elsewhere).json["manifest"] is None


def test_the_gateway_serves_what_the_group_begins_with(cli: CommandLine) -> None:
    gateway = home_of(cli).process("gateway")
    assert gateway is not None
    shown = cli.done("group", "show", "1", "--json").json
    for name in ("manifest_digest", "genesis_digest"):
        digest = bytes.fromhex(shown[name][2:])
        answer = httpx.get(f"{gateway.url}/ipfs/{Cid(0x55, digest)}?format=raw", trust_env=False)
        assert answer.status_code == 200
        assert sha256(answer.content) == digest


def test_funding_adds_to_the_budget(cli: CommandLine) -> None:
    before = int(cli.done("group", "show", "1", "--json").json["budget"])
    cli.done("group", "fund", 1, "--amount", "12.25")
    assert int(cli.done("group", "show", "1", "--json").json["budget"]) - before == 12_250_000_000_000_000_000


def test_a_node_is_made_joins_runs_and_leaves(cli: CommandLine) -> None:
    made = cli.done("node", "init", "--name", "ada", "--fund-local", "--json").json
    home = home_of(cli)
    assert home.password_file.stat().st_mode & 0o777 == 0o600
    assert home.node_key("ada").stat().st_mode & 0o777 == 0o600
    again = cli.done("node", "init", "--name", "ada", "--json")
    assert again.json == made, "keys that are there are kept"
    assert "Kept" in again.err

    assert "seat 0" in cli.done("group", "join", 1, "--name", "ada").err
    once_more = cli.done("group", "join", 1, "--name", "ada")
    assert "seat 0" in once_more.err
    assert "deposit" not in once_more.err, "what is done is left out"
    (standing,) = cli.done("node", "status", "--json").json
    assert (standing["node"], standing["operator"], standing["seat"]) == (made["node"], made["operator"], 0)
    assert int(standing["stake"]) == 25_500_000_000_000_000_000

    running = cli.start("node", "run", "--name", "ada")
    try:
        waits_until(running, home.node("ada") / "status.json", is_alone)
        cli.done("node", "init", "--name", "eve", "--fund-local")
        cli.done("group", "join", 1, "--name", "eve")
        waits_until(running, home.node("ada") / "status.json", has_committed)
        assert home.process("node-ada") is not None
        second = cli("node", "run", "--name", "ada")
        assert (second.code, "in use" in second.err) == (3, True), "two of one key would commit against each other"
    finally:
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert "committed" in said
    assert home.process("node-ada") is None

    (standing,) = [node for node in cli.done("node", "status", "--json").json if node["name"] == "ada"]
    assert [(step["step"].split()[0], step["nonce"], step["replaced"]) for step in standing["outbox"]] == [
        ("commit", 1, 0),
        ("announce", 0, 0),
    ]
    assert all(step["state"] in ("mined", "confirmed") and step["transaction"].startswith("0x") for step in standing["outbox"])

    left = cli.done("group", "leave", 1, "--name", "ada")
    assert "run this again" in left.err, "it takes part in a round that is not settled"
    assert "nothing to claim" in cli.done("claim", "--name", "ada").err
    first = cli.done("rounds", "--json").json[0]
    assert (first["round"], first["paid"]) == (1, "0")


def test_a_node_elsewhere_needs_the_url_the_deployment_file_and_a_provider(cli: CommandLine, tmp_path: Path) -> None:
    home = home_of(cli)
    chain, gateway = home.process("chain"), home.process("gateway")
    assert chain is not None
    assert gateway is not None
    group = cli.done("group", "create", "--task", "digits", "--json").json["group"]
    elsewhere = CommandLine(tmp_path)
    (tmp_path / "deployment.json").write_bytes(home.deployment.read_bytes())
    (tmp_path / "swarm-chain.toml").write_text(f'rpc_url = "{chain.url}"\ndeployment = "deployment.json"\ngroup = {group}\n')
    elsewhere.done("node", "init", "--fund-local")
    elsewhere.done("group", "join")
    without = elsewhere("node", "run")
    assert without.code == 6, "nobody gives it the manifest"
    running = elsewhere.start("node", "run", "--provider", gateway.url)
    try:
        waits_until(running, home_of(elsewhere).node("node") / "status.json", is_alone)
    finally:
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)
    assert running.returncode == 130


def test_an_invitation_opens_a_closed_group(cli: CommandLine) -> None:
    created = cli.done("group", "create", "--task", "digits", "--by-invitation", "--json").json["group"]
    cli.done("node", "init", "--name", "bob", "--fund-local")
    refused = cli("group", "join", created, "--name", "bob")
    assert (refused.code, "by invitation" in refused.err) == (2, True)
    (identity,) = [node["identity"] for node in cli.done("node", "status", "--json").json if node["name"] == "bob"]
    (cli.folder / "an invitation.txt").write_text(cli.done("group", "invite", identity, "--group", created).out)
    assert "holds seat" in cli.done("group", "join", created, "--name", "bob", "--invitation", "an invitation.txt").err


def test_a_second_swarm_lives_beside_it(cli: CommandLine, tmp_path: Path) -> None:
    other = CommandLine(tmp_path)
    try:
        other.done("up", "--detach")
        assert other.done("group", "list", "--json").json == []
        assert cli.done("group", "list", "--json").json != []
        chains = [home_of(one).process("chain") for one in (cli, other)]
        assert chains[0] is not None
        assert chains[1] is not None
        assert chains[0].url != chains[1].url
        assert other.done("down", "--yes").code == 0
        assert home_of(cli).process("chain") == chains[0], "only its own processes were ended"
        assert not (tmp_path / ".swarm").exists(), "there were no keys to keep"
    finally:
        home_of(other).end(home_of(other).processes())


def test_the_doctor_finds_all_well(cli: CommandLine) -> None:
    found = {item["what"]: item["verdict"] for item in cli.done("doctor", "--json").json}
    assert found["chain and contracts"] == found["device"] == found["swarm folder"] == "good"


def test_up_in_the_foreground_ends_with_ctrl_c_and_resumes(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    home = home_of(cli)
    created = ""
    for turn in (1, 2):
        running = cli.start("up")
        try:
            deadline = time.monotonic() + 180
            while home.process("chain") is None or not home.deployment.exists():
                assert time.monotonic() < deadline
                assert running.poll() is None, running.communicate()[1]
                time.sleep(0.1)
            while True:
                line = running.stderr.readline() if running.stderr else ""
                assert line, "it ended"
                if "Ctrl-C" in line:
                    break
            if turn == 1:
                created = cli.done("group", "create", "--task", "digits", "--json").json["manifest"]
            else:
                assert len(cli.done("group", "list", "--json").json) == 1, "the chain went on where it stopped"
        finally:
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=120)
        assert running.returncode == 130
        assert home.processes() == []
    assert (home.published / created).exists()


def test_down_asks_lists_what_is_lost_and_keeps_keys(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    home = home_of(cli)
    try:
        cli.done("up", "--detach")
        made = cli.done("node", "init", "--name", "ada", "--fund-local", "--tokens", 321, "--json").json
        asked = cli("down")
        assert asked.code == 2
        assert "--yes" in asked.err
        for shown in (made["operator"], made["node"], "321"):
            assert shown in asked.out
        assert home.process("chain") is not None, "nothing was changed"
        cli.done("down", "--yes")
        assert home.processes() == []
        assert sorted(path.name for path in home.path.iterdir()) == ["keys"]
        assert home.node_key("ada").exists()
        assert home.operator_key("ada").exists()
        again = cli.done("down")
        assert "Keys kept: 2" in again.err, "nothing but keys is left, so there is nothing to ask"
    finally:
        home.end(home.processes())
