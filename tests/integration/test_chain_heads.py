"""New blocks end a wait; whatever the websocket does, waits end."""

import logging
import threading

import pytest
from fault_proxy import FaultProxy
from faults import Fault
from web3 import Web3

from swarm_chain.chain.heads import HeadWatch
from swarm_chain.chain.local import LocalChain, free_port

LONG = 60.0


def test_a_new_block_ends_a_wait(anvil: LocalChain, web3: Web3) -> None:
    with HeadWatch([anvil.url, anvil.url.replace("http", "ws")], threading.Event()) as heads:
        assert heads.wait(LONG)  # the chain makes one every second
        before = web3.eth.block_number
        assert heads.wait(LONG)
        assert web3.eth.block_number >= before


def test_a_stop_ends_a_wait(anvil: LocalChain) -> None:
    for urls in ([anvil.url], [anvil.url, f"ws://127.0.0.1:{free_port()}"]):
        stop = threading.Event()
        with HeadWatch(urls, stop) as heads:
            threading.Timer(0.2, stop.set).start()
            assert not heads.wait(LONG)


@pytest.mark.parametrize("fault", [None, Fault.HANG, Fault.RESET, Fault.NOT_HTTP, Fault.REFUSE], ids=str)
def test_without_a_websocket_that_works_waits_take_their_time(
    fault: Fault | None, anvil: LocalChain, caplog: pytest.LogCaptureFixture
) -> None:
    with FaultProxy(anvil.url) as proxy, caplog.at_level(logging.DEBUG):
        if fault:
            proxy.begin(fault)
        with HeadWatch([proxy.url.replace("http", "ws")], threading.Event()) as heads:
            assert not heads.wait(0.5)
    assert "secret-key" not in caplog.text


def test_it_subscribes_again_when_the_chain_is_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    port = free_port()
    with HeadWatch([f"ws://127.0.0.1:{port}"], threading.Event()) as heads:
        assert not heads.wait(0.3)
        with LocalChain(tmp_path_factory.mktemp("late"), port):
            assert heads.wait(LONG)
