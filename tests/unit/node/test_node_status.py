import json

from swarm_chain.node.status import NodeStatus, RoundFigures, RoundsFile, StatusFile
from swarm_chain.types import Address, Digest, Phase, Result, Round, Seat

NODE = Address("0x" + "11" * 20)


def test_the_file_holds_the_latest_status_whole(tmp_path):
    write = StatusFile(tmp_path)
    write(NodeStatus(NODE, message="x" * 10_000))
    write(NodeStatus(NODE, Seat(2), Round(4), Phase.REVEAL, credit=10**20, accuracy=0.5))
    status = json.loads((tmp_path / "status.json").read_text())
    assert status["phase"] == "reveal"
    assert status["credit"] == "100000000000000000000"
    assert (status["seat"], status["round"], status["accuracy"], status["message"]) == (2, 4, 0.5, "")
    assert [entry.name for entry in tmp_path.iterdir()] == ["status.json"]


def test_a_line_a_round(tmp_path):
    rounds = RoundsFile(tmp_path)
    result = Result(Round(1), bytes(32), Digest(bytes([1]) * 32), bytes([2]) * 32, bytes(32), 0b1011, b"", b"", 5)
    rounds.append(RoundFigures(Round(1), bytes(32), bytes([3]) * 32, result, 0.25, 0.75))
    rounds.append(RoundFigures(Round(2), bytes([3]) * 32, None, None, None, None))
    first, second = (json.loads(line) for line in (tmp_path / "rounds.jsonl").read_text().splitlines())
    assert first["included"] == [0, 1, 3]
    assert first["result_hash"] == "0x" + "03" * 32
    assert (first["accuracy"], second["result_hash"], second["included"]) == (0.75, None, [])
