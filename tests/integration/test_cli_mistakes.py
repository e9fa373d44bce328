"""What people get wrong, and what the command line says: a clear message on stderr, the exit code of the specification, nothing lost."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine, Ended, seated

from swarm_chain.chain.local import LocalChain, free_port
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.node.keys import key_address
from swarm_chain.node.lock import locks_folder, one_key


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A local swarm with a group and a seated node."""
    with seated(CommandLine(tmp_path_factory.mktemp("mistakes"))) as cli:
        yield cli


def refused(ended: Ended, code: int, *says: str) -> None:
    """It ended with the code, and says all of this on stderr, without a traceback."""
    assert ended.code == code, ended.err
    assert ended.out == ""
    assert "Traceback" not in ended.err
    for part in says:
        assert part in ended.err, ended.err


def test_an_unknown_group(cli: CommandLine) -> None:
    refused(cli("group", "show", 9), 5, "no group 9", "group list")
    refused(cli("rounds", "--group", 9), 5, "no group 9")
    refused(cli("node", "run", "--group", 9), 5, "no group 9")


def test_a_node_without_a_seat(cli: CommandLine) -> None:
    cli.done("node", "init", "--name", "standing")
    refused(cli("node", "run", "--name", "standing"), 5, "no seat", "group join")


def test_a_node_without_funds(cli: CommandLine) -> None:
    cli.done("node", "init", "--name", "poor")
    refused(cli("group", "join", 1, "--name", "poor"), 4, "does not hold enough", "Nothing was sent")


def test_a_relay_whose_key_another_one_pays_with(cli: CommandLine) -> None:
    key = SwarmHome(cli.folder / ".swarm").operator_key("node")
    with one_key(key_address(key), locks_folder(cli.environment), "relay"):
        refused(cli("relay", "--group", 1, "--key", key), 3, "The key of relay", f"in use by process {os.getpid()}", "Stop that process")


def test_a_name_without_keys(cli: CommandLine) -> None:
    refused(cli("group", "join", 1, "--name", "nobody"), 3, "no key file", "node init")


def test_a_chain_that_is_down(cli: CommandLine) -> None:
    refused(cli("group", "list", "--rpc", f"http://127.0.0.1:{free_port()}"), 4, "cannot be reached", "RPC URL")


def test_a_chain_with_another_id(cli: CommandLine, tmp_path: Path) -> None:
    with LocalChain(tmp_path, chain_id=1337) as other:
        refused(cli("group", "list", "--rpc", other.url), 4, "1337", "31337", "deployment file")


def test_a_chain_without_the_contracts(cli: CommandLine, tmp_path: Path) -> None:
    with LocalChain(tmp_path) as other:
        refused(cli("group", "list", "--rpc", other.url), 4, "There is no SwarmToken", "reset")


def test_no_chain_and_no_deployment(tmp_path: Path) -> None:
    refused(CommandLine(tmp_path)("group", "list"), 4, "No chain runs", "swarm-chain up")
    assert not (tmp_path / ".swarm").exists(), "looking changes nothing"


def test_a_wrong_password(cli: CommandLine) -> None:
    wrong = cli.with_settings(password="not this one")
    refused(wrong("node", "run", "--group", 1), 3, "password does not open", "not changed")
    refused(wrong("claim"), 3, "password does not open")
    assert "not this one" not in wrong("claim").err


def test_a_password_that_nobody_can_type(tmp_path: Path) -> None:
    refused(CommandLine(tmp_path)("node", "init"), 2, "--password-file")
    assert not list(tmp_path.rglob("*.json"))


def test_an_empty_password_file(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    refused(cli("claim", "--password-file", tmp_path / "empty"), 3, "empty")


def test_an_unknown_key_in_the_settings_file(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("gruop: 1\n")
    refused(cli("rounds", "--config", tmp_path / "mine.yaml"), 3, "'gruop'", "'group'")


def test_a_misspelt_variable(cli: CommandLine) -> None:
    refused(cli.with_settings(grup="1")("rounds"), 3, "SWARM_CHAIN_GRUP", "SWARM_CHAIN_GROUP")


def test_wrong_usage(cli: CommandLine) -> None:
    refused(cli("rounds", "--gruop", 1), 2, "--gruop")
    refused(cli("group", "create"), 2, "--task")
    refused(cli("group", "create", "--task", "chess"), 2, "chess", "mnist")
    refused(cli("group", "create", "--task", "digits", "--rule", "krum"), 2, "krum", "median", "multi-krum")
    refused(cli("group", "create", "--task", "digits", "--scoring", "worth"), 2, "worth", "equal, novelty")
    refused(cli("group", "create", "--task", "digits", "--codec", "zip"), 2, "zip", "dense-int8, int4, sign, top-k")
    refused(cli("group", "create", "--task", "digits", "--privacy-noise", 2), 2, "--privacy-epsilon too")
    refused(cli("group", "create", "--task", "digits", "--privacy-epsilon", 8, "--privacy-delta", 0.5), 2, "--privacy-delta", "0.1")
    refused(cli("group", "create", "--task", "digits", "--privacy-epsilon", 0), 2, "--privacy-epsilon", "greater than 0")
    refused(
        cli("group", "create", "--task", "iot-synthetic", "--privacy-epsilon", 8), 2, "'anomaly' do not train with differential privacy"
    )
    refused(cli("group", "join", 1, "--name", "x", "--invitation", "missing.txt"), 2, "invitation")


def test_terms_that_the_contract_refuses(cli: CommandLine) -> None:
    refused(cli("group", "create", "--task", "digits", "--min-updates", 9, "--capacity", 3), 4, "BadTerm", "minUpdates")


def test_a_port_in_use(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(cli("up", "--detach", "--port", port), 3, str(port), "in use")
        refused(cli("gateway", "--port", port), 3, str(port), "in use")
    assert SwarmHome(tmp_path / ".swarm").processes() == []


def test_a_full_store(cli: CommandLine) -> None:
    refused(cli.with_settings(store_capacity="100")("node", "run", "--group", 1), 6, "may hold 100 bytes", "unchanged")


def test_a_manifest_that_is_none(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"version": 99}')
    refused(cli("group", "create", "--manifest", tmp_path / "manifest.json"), 3, "version 99")
    (tmp_path / "manifest.json").write_text("{")
    refused(cli("group", "create", "--manifest", tmp_path / "manifest.json"), 3, "not JSON")
    refused(cli("group", "create", "--manifest", tmp_path / "none.json"), 3, "none.json")


def test_data_that_is_not_there(cli: CommandLine, tmp_path: Path) -> None:
    created = cli.done("group", "create", "--task", "fashion", "--json").json["group"]
    cli.done("node", "init", "--name", "dressed", "--fund-local")
    cli.done("group", "join", created, "--name", "dressed")
    ended = cli("node", "run", "--group", created, "--name", "dressed", "--data", tmp_path)
    assert ended.code == 7, ended.err
    assert "No images of 'fashion'" in ended.err
    assert "--data" in ended.err


def test_a_privacy_budget_too_small_for_one_update(cli: CommandLine) -> None:
    created = cli.done("group", "create", "--task", "digits-linear", "--privacy-epsilon", 0.01, "--json").json["group"]
    cli.done("node", "init", "--name", "shy", "--fund-local")
    cli.done("group", "join", created, "--name", "shy")
    ended = cli.done("node", "run", "--group", created, "--name", "shy")
    for words in ("The privacy budget is spent: epsilon 0.00 of 0.01", "0 updates more may be sent", "group leave"):
        assert words in ended.err, ended.err
    found = next(node for node in cli.done("node", "status", "--json").json if node["name"] == "shy")
    assert found["epsilon"] == 0


def test_the_doctor_says_what_is_broken_and_how_to_mend_it(cli: CommandLine) -> None:
    ended = cli("doctor", "--rpc", f"http://127.0.0.1:{free_port()}")
    assert ended.code == 4
    assert "cannot be reached" in ended.out
    assert "RPC URL" in ended.out
    key = SwarmHome(cli.folder / ".swarm").node_key("node")
    key.chmod(0o644)
    try:
        ended = cli("doctor")
        assert ended.code == 3
        assert f"{key}" in ended.out
        assert "chmod 600" in ended.out
    finally:
        key.chmod(0o600)


def test_an_unexpected_error_is_short_and_leaves_a_traceback_in_a_file(cli: CommandLine) -> None:
    status = SwarmHome(cli.folder / ".swarm").node("node") / "status.json"
    status.parent.mkdir(parents=True, exist_ok=True)
    status.write_text('{"unforeseen": true}')
    try:
        ended = cli("node", "status")
    finally:
        status.unlink()
    refused(ended, 1, "Unexpected", "please report")
    (log,) = (cli.folder / ".swarm" / "logs").glob("swarm-chain-error-*.log")
    assert "Traceback" in log.read_text()
    assert str(log) in ended.err.replace("\n", "") or log.name in ended.err
