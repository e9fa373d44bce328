from pathlib import Path

import pytest

from swarm_chain.chain.connection import block, connect
from swarm_chain.chain.local import LocalChain, find_anvil
from swarm_chain.chain.sender import Sender
from swarm_chain.errors import ConfigurationError


def test_goes_on_where_it_stopped(tmp_path: Path) -> None:
    chain = LocalChain(tmp_path / "a directory")
    web3 = chain.start()
    other = chain.account(1).address
    web3.eth.send_transaction({"from": chain.account(0).address, "to": other, "value": 5})
    while web3.eth.get_balance(other) == 10_000 * 10**18:
        pass
    before = block(web3)
    chain.stop()
    assert chain.pid is None
    chain.stop()

    web3 = chain.start()
    try:
        assert block(web3).number >= before.number
        assert web3.eth.get_balance(other) == 10_000 * 10**18 + 5
        assert Sender(web3, chain.account(0)).balance() < 10_000 * 10**18
    finally:
        chain.stop()


def test_a_port_in_use_is_said(anvil: LocalChain, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"Port {anvil.port} is in use"):
        LocalChain(tmp_path, anvil.port).start()
    connect(anvil.url)


def test_what_is_not_anvil_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Anvil did not start"):
        LocalChain(tmp_path, binary=Path("/bin/false")).start()


def test_a_missing_anvil_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert find_anvil().name == "anvil"
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="npm ci"):
        find_anvil()
