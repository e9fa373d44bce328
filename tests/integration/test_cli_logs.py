"""What a command that stays logs: lines of JSON where they are asked for, and no API key of the RPC URL however much it says."""

import json
import signal
from pathlib import Path

import pytest
from command_line import CommandLine

from swarm_chain.chain.local import free_port
from swarm_chain.cli.swarm_home import SwarmHome

API_KEY = "c4n4ry-api-key"


def test_a_relay_logs_lines_of_json_that_hold_no_api_key(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    home = SwarmHome(tmp_path / ".swarm")
    try:
        cli.done("up", "--detach", "--port", free_port())
        cli.done("group", "create", "--task", "digits")
        chain = home.process("chain")
        assert chain is not None
        relay = cli.start(
            "relay", "--group", 1, "--rpc", f"{chain.url}/?key={API_KEY}", "--log-level", "debug", "--log-format", "json", "--wait", 0
        )
        assert relay.stderr is not None
        said = []
        while not said or "Ctrl-C ends it" not in said[-1]:
            said.append(relay.stderr.readline())
            assert said[-1], said
        home.end([record for record in home.processes() if record.role == "chain"])
        while "cannot be reached" not in said[-1]:
            said.append(relay.stderr.readline())
            assert said[-1], said
        relay.send_signal(signal.SIGINT)
        out, rest = relay.communicate(timeout=60)
    finally:
        home.end(home.processes())
    assert relay.returncode == 130
    lines = [json.loads(line) for line in said if line.startswith("{")]
    assert {line["logger"] for line in lines} >= {"swarm_chain.relay.service"}
    assert {line["level"] for line in lines} >= {"info", "warning"}
    assert all(line["group"] == 1 for line in lines)
    assert API_KEY not in "".join(said) + out + rest


@pytest.mark.parametrize(("flag", "value"), [("--log-level", "loud"), ("--log-format", "xml")])
def test_a_level_or_form_that_there_is_not(tmp_path: Path, flag: str, value: str) -> None:
    ended = CommandLine(tmp_path)("gateway", flag, value)
    assert ended.code == 3
    assert f"Mend {flag}" in ended.err
    assert "Traceback" not in ended.err
