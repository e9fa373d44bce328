"""Where keys come from by the command line, several nodes of one operator, and that no secret shows anywhere. Real Anvil."""

import contextlib
import json
import os
import pty
import re
import secrets
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import COMMAND, CommandLine, Ended
from eth_account import Account
from eth_account.signers.local import LocalAccount
from signing_server import signing

from swarm_chain.chain.connection import connect
from swarm_chain.chain.contracts import Contracts
from swarm_chain.chain.deployment import load_deployment
from swarm_chain.chain.local import free_port
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.cli.wiring import CALL_IS_WAITING
from swarm_chain.node.keys import create_key, key_address, load_key
from swarm_chain.node.lock import locks_folder, one_process
from swarm_chain.types import Address, GroupId

WORDS = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
"""A mnemonic of BIP-39's own test vectors; its accounts are known."""
FIRST, SECOND = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94", "0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0"
TERMS = ("--task", "digits", "--parts", 2, "--capacity", 5, "--stake", 100)
STAKE = 100 * 10**18


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """A folder whose keys open with a password that is generated, so that opening one takes no second."""
    home = SwarmHome(tmp_path / ".swarm")
    home.make()
    home.password_file.write_text(secrets.token_urlsafe(32))
    return CommandLine(tmp_path)


@pytest.fixture(scope="module")
def swarm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A local swarm with a group of five seats."""
    cli = CommandLine(tmp_path_factory.mktemp("keys"))
    try:
        cli.done("up", "--detach", "--port", free_port())
        cli.done("group", "create", *TERMS)
        yield cli
    finally:
        SwarmHome(cli.folder / ".swarm").end(SwarmHome(cli.folder / ".swarm").processes())


def home_of(cli: CommandLine) -> SwarmHome:
    return SwarmHome(cli.folder / ".swarm")


def contracts_of(swarm: CommandLine) -> Contracts:
    chain = home_of(swarm).process("chain")
    assert chain is not None
    return Contracts(connect(chain.url), load_deployment(home_of(swarm).deployment))


def opened(cli: CommandLine, path: Path) -> LocalAccount:
    return load_key(path, home_of(cli).password_file.read_text())


def refused(ended: Ended, code: int, *says: str) -> None:
    assert ended.code == code, ended.err
    for part in says:
        assert part in ended.err, ended.err


# ------------------------------------------------------------------------------------------------ where keys come from


def test_keys_of_a_mnemonic(cli: CommandLine) -> None:
    (cli.folder / "words").write_text(f"  {WORDS.replace(' ', '  ')} \n")
    made = cli.done("node", "init", "--mnemonic-file", "words", "--json").json
    assert made == {"name": "node", "operator": FIRST, "node": SECOND}
    other = cli.done("node", "init", "--name", "b", "--mnemonic-file", "words", "--operator-index", 1, "--node-index", 0, "--json").json
    assert (other["operator"], other["node"]) == (SECOND, FIRST)
    assert opened(cli, home_of(cli).node_key("b")).address == FIRST


@pytest.mark.parametrize("words", ["canary " * 12, "canary", WORDS.replace("about", "canary"), WORDS + " canary", "abandon " * 12])
def test_words_that_are_no_mnemonic_are_not_shown(cli: CommandLine, words: str) -> None:
    (cli.folder / "words").write_text(words)
    ended = cli("node", "init", "--mnemonic-file", "words")
    refused(ended, 3, "no mnemonic")
    assert not re.search("canary|abandon", ended.err + ended.out)
    assert home_of(cli).key_files() == []


def test_a_mnemonic_is_asked_for_unseen(cli: CommandLine) -> None:
    terminal, end = pty.openpty()
    command = [*COMMAND, "node", "init", "--mnemonic"]
    process = subprocess.Popen(command, cwd=cli.folder, env=cli.environment, stdin=end, stdout=end, stderr=end, start_new_session=True)
    os.close(end)
    said = b""
    with os.fdopen(terminal, "r+b", buffering=0) as screen, contextlib.suppress(OSError):  # which reading from a terminal ends with
        while b"Mnemonic" not in said:
            said += screen.read(4096)
        while termios.tcgetattr(terminal)[3] & termios.ECHO:
            time.sleep(0.01)
        screen.write(WORDS.encode() + b"\n")
        while part := screen.read(4096):
            said += part
    assert process.wait(60) == 0, said
    assert FIRST.encode() in said
    assert b"abandon" not in said, "what is typed is not echoed"


def test_keys_of_key_files(cli: CommandLine) -> None:
    operator, node = (create_key(cli.folder / f"{name}.json", "their password", 2) for name in ("one", "two"))
    (cli.folder / "theirs").write_text("their password\n")
    (cli.folder / "wrong").write_text("another password\n")
    words = ("node", "init", "--import-operator", "one.json", "--import-node", "two.json", "--import-password-file")
    refused(cli(*words, "wrong"), 3, "password does not open")
    assert home_of(cli).key_files() == []
    made = cli.done(*words, "theirs", "--json").json
    assert (made["operator"], made["node"]) == (operator.address, node.address)
    assert opened(cli, home_of(cli).node_key("node")).key == node.key
    refused(cli(*words, "theirs"), 3, "already")


def test_keys_of_the_environment_are_never_written(swarm: CommandLine) -> None:
    operator, node = Account.create(), Account.create()
    given = swarm.with_settings(operator_key=operator.key.hex(), node_key="0x" + node.key.hex(), name="container")
    made = given.done("node", "init", "--fund-local", "--json").json
    assert (made["operator"], made["node"]) == (operator.address, node.address)
    given.done("group", "join", 1)
    (standing,) = [shown for shown in given.done("node", "status", "--json").json if shown["name"] == "container"]
    assert (standing["node"], standing["group"], standing["operator"]) == (node.address, 1, operator.address)
    refused(given("node", "rotate-key"), 2, "is set, not in a file")
    given.done("group", "leave", 1)
    assert not (home_of(swarm).keys / "container").exists()
    for path in home_of(swarm).path.rglob("*"):
        if path.is_file():
            assert operator.key.hex().encode() not in path.read_bytes()
            assert node.key.hex().encode() not in path.read_bytes()


@pytest.mark.parametrize("key", ["canary", "00" * 32, "ff" * 32, "12" * 31])
def test_a_key_of_the_environment_that_is_none_is_not_shown(cli: CommandLine, key: str) -> None:
    for name in ("operator_key", "node_key"):
        ended = cli.with_settings(**{name: key})("node", "init")
        refused(ended, 3, f"SWARM_CHAIN_{name.upper()}")
        assert key not in ended.err + ended.out


def test_an_operator_whose_key_a_signer_holds(swarm: CommandLine) -> None:
    account = Account.create()
    with signing(account, clef=True) as server:
        given = swarm.with_settings(operator_signer=server.url, name="remote")
        made = given.done("node", "init", "--fund-local", "--json").json
        assert made["operator"] == account.address
        assert not home_of(swarm).operator_key("remote").exists()
        given.done("group", "join", 1)
        contracts = contracts_of(swarm)
        identity = contracts.identities.identity_of(Address(made["node"]))
        assert contracts.identities.operator_of(identity) == account.address
        given.done("node", "rotate-key")
        assert contracts.identities.node_of(identity) != made["node"]
    refused(given("group", "leave", 1), 4, "signer", "cannot be reached")


def by_its_wallet(cli: CommandLine, contract: str, *words: object, end: int = 0) -> list[str]:
    """Runs a command until it prints no more; what it prints for the contract is sent from there. Returns what the calls were."""
    web3, sent = contracts_of(cli).web3, []
    for _ in range(8):
        ended = cli(*words)
        if ended.code != CALL_IS_WAITING:
            assert ended.code == end, ended.err
            return sent
        call = json.loads(ended.out)
        assert (call["from"], call["value"]) == (contract, "0")
        sent.append(ended.err.split("send this call (")[1].split(")")[0])
        hash_ = web3.eth.send_transaction({"from": contract, "to": call["to"], "data": call["data"], "value": 0})
        assert web3.eth.wait_for_transaction_receipt(hash_)["status"] == 1
    raise AssertionError(f"It never ended: {sent}")


def test_an_operator_that_is_a_contract(swarm: CommandLine) -> None:
    """Its wallet is Anvil, which sends from any account; the commands themselves send nothing for it."""
    contracts = contracts_of(swarm)
    web3 = contracts.web3
    contract = Account.create().address
    web3.provider.make_request("anvil_setCode", [contract, "0x60006000fd"])
    given = swarm.with_settings(operator_contract=contract.lower(), name="multisig")
    made = given.done("node", "init", "--fund-local", "--json").json
    assert made["operator"] == contract
    assert not home_of(swarm).operator_key("multisig").exists()
    web3.provider.make_request("anvil_impersonateAccount", [contract])

    sent, held = web3.eth.get_transaction_count(contract), contracts.token.balance_of(Address(contract))
    first, again = given("group", "join", 1), given("group", "join", 1)
    assert (first.code, first.out) == (again.code, again.out), "as often as one likes"
    assert web3.eth.get_transaction_count(contract) == sent, "nothing was sent for it"

    assert by_its_wallet(given, contract, "group", "join", 1) == ["register", "approve", "deposit", "join"]
    identity = contracts.identities.identity_of(Address(made["node"]))
    assert contracts.identities.operator_of(identity) == contract
    assert by_its_wallet(given, contract, "node", "rotate-key") == ["rotate", "rekey"]
    assert contracts.identities.node_of(identity) != made["node"]
    assert by_its_wallet(given, contract, "claim") == [], "there is nothing"
    assert by_its_wallet(given, contract, "group", "leave", 1, end=5) == ["leave", "release", "withdraw"]
    assert contracts.token.balance_of(Address(contract)) == held
    refused(swarm.with_settings(operator_contract="0x12", name="none")("node", "init"), 3, "no address")
    spoilt = "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # of EIP-55, with one capital made small
    refused(swarm.with_settings(operator_contract=spoilt, name="none")("node", "init"), 3, "capitals do not fit")


def test_several_nodes_of_one_operator(swarm: CommandLine) -> None:
    contracts = contracts_of(swarm)
    first = swarm.done("node", "init", "--name", "one", "--fund-local", "--json").json
    for name in ("two", "three"):
        made = swarm.done("node", "init", "--name", name, "--operator-of", "one", "--fund-local", "--tokens", 1000, "--json").json
        assert made["operator"] == first["operator"]
        assert made["node"] != first["node"]
        assert swarm.done("node", "init", "--name", name, "--operator-of", "one", "--json").json == made, "again changes nothing"
    for name in ("one", "two", "three"):
        swarm.done("group", "join", 1, "--name", name)
    standing = {shown["name"]: shown for shown in swarm.done("node", "status", "--json").json}
    assert len({standing[name]["seat"] for name in ("one", "two", "three")}) == 3
    assert {standing[name]["operator"] for name in ("one", "two", "three")} == {first["operator"]}
    assert {standing[name]["stake"] for name in ("one", "two", "three")} == {str(STAKE)}
    swarm.done("claim", "--name", "two")
    swarm.done("group", "leave", 1, "--name", "three")
    assert contracts.token.balance_of(first["operator"]) == 800 * 10**18
    refused(swarm("node", "init", "--name", "four", "--operator-of", "nobody"), 3, "no key file")
    swarm.done("node", "init", "--name", "five")
    refused(swarm("node", "init", "--name", "five", "--operator-of", "one"), 3, "another operator")


# ------------------------------------------------------------------------------------------------ backups


def test_a_node_moves_to_another_folder(swarm: CommandLine) -> None:
    swarm.done("node", "init", "--name", "gil", "--fund-local")
    swarm.done("node", "init", "--name", "hub", "--operator-of", "gil")
    made = swarm.done("node", "backup", "hub.backup", "--name", "hub")
    assert "the password is not in it" in made.err
    refused(swarm("node", "backup", "hub.backup", "--name", "hub"), 3, "already")
    refused(swarm("node", "backup", "other.backup", "--name", "nobody"), 3, "no key file")
    there = swarm.with_settings(home="elsewhere")
    restored = there.done("node", "restore", "hub.backup")
    assert "run it on one alone" in restored.err
    there.done("node", "restore", "hub.backup")
    here, moved = home_of(swarm), SwarmHome(swarm.folder / "elsewhere")
    for ours, theirs in ((here.operator_key("gil"), moved.operator_key("hub")), (here.node_key("hub"), moved.node_key("hub"))):
        assert ours.read_bytes() == theirs.read_bytes()
        assert not theirs.is_symlink()
    assert load_deployment(moved.deployment) == load_deployment(here.deployment)
    refused(there("node", "restore", "hub.backup", "--name", "gil", "--home", ".swarm"), 3, "another one", "Nothing was changed")
    chain = here.process("chain")
    assert chain is not None
    alone = there.with_settings(rpc_url=chain.url, password_file=str(here.password_file), name="hub")
    alone.done("group", "join", 1, "--fund-local")
    assert contracts_of(swarm).views.seat(GroupId(1), Address(key_address(moved.node_key("hub")))) is not None


def test_a_node_that_runs_is_not_restored_over(swarm: CommandLine) -> None:
    swarm.done("node", "init", "--name", "ivy")
    swarm.done("node", "backup", "ivy.backup", "--name", "ivy")
    node = key_address(home_of(swarm).node_key("ivy"))
    with one_process(swarm.folder / "running", node, locks_folder(os.environ)):
        refused(swarm.with_settings(home="third")("node", "restore", "ivy.backup"), 3, "in use by process", "in this home or another")
    assert not SwarmHome(swarm.folder / "third").node_key("ivy").exists()


# ------------------------------------------------------------------------------------------------ secrets


def test_no_secret_shows_in_what_commands_say_log_or_leave(swarm: CommandLine) -> None:
    """The canaries are a password, a mnemonic and two keys; every command that touches them is run, rightly and wrongly."""
    folder, home = swarm.folder, home_of(swarm)
    account, password, node = Account.create(), "canary-password-" + secrets.token_hex(8), Account.create()
    (folder / "password").write_text(password)
    (folder / "words").write_text(WORDS)
    (folder / "bad words").write_text(WORDS + " " + password)
    create_key(folder / "theirs.json", password, 2)
    theirs = load_key(folder / "theirs.json", password)
    create_key(home.operator_key("canary"), password, 2)
    named, given = ("--name", "canary"), swarm.with_settings(operator_key=account.key.hex(), node_key=node.key.hex(), name="given")
    with_password = swarm.with_settings(password=password)
    ended = [
        with_password("node", "init", *named, "--mnemonic-file", "words"),
        swarm("node", "init", *named, "--password-file", "password", "--fund-local"),
        with_password("group", "join", 1, *named),
        swarm("node", "init", "--name", "c2", "--mnemonic-file", "bad words"),
        swarm("node", "init", "--name", "c3", "--import-operator", "theirs.json", "--import-password-file", "password"),
        swarm("node", "init", "--name", "c4", "--import-operator", "theirs.json", "--import-password-file", "words"),
        with_password("node", "rotate-key", *named),
        swarm.with_settings(password=password + "!")("group", "leave", 1, *named),
        with_password("claim", *named),
        with_password("node", "backup", home.path / "canary.backup", *named),
        with_password("node", "restore", home.path / "canary.backup", "--home", home.path / "restored"),
        with_password("settings"),
        given("settings", "--json"),
        given("node", "init", "--fund-local"),
        given("group", "join", 1),
        given("node", "run", "--group", 1, "--gateway-url", "x" * 600),
        given("doctor"),
        swarm.with_settings(operator_key=account.key.hex() + "00")("claim"),
        swarm.with_settings(group="x", operator_key=account.key.hex())("claim"),
    ]
    assert [one.code for one in ended].count(0) >= 7, [(one.code, one.err) for one in ended]
    accounts = [account, node, theirs, *(Account.from_mnemonic(WORDS, account_path=f"m/44'/60'/0'/0/{index}") for index in (0, 1))]
    canaries = [password, "abandon", *(key.key.hex() for key in accounts)]
    canaries += [str(int(key.key.hex(), 16)) for key in accounts] + [repr(bytes(key.key)) for key in accounts]
    written = [path.read_bytes() for path in home.path.rglob("*") if path.is_file() and path != home.password_file]
    for canary in canaries:
        for one in ended:
            assert canary not in one.out + one.err
        for content in written:
            assert canary.encode() not in content


def test_settings_keep_secrets_out_of_their_repr(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from swarm_chain.cli.settings import Settings

    monkeypatch.chdir(tmp_path)
    settings = Settings.load(operator_key="12" * 32, node_key="34" * 32, password="canary-password")
    shown = repr(settings) + str(settings) + repr(settings.model_dump()) + settings.model_dump_json()
    assert not re.search("1212|3434|canary", shown)
