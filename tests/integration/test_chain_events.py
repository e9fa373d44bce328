from swarm_chain.chain import artifacts
from swarm_chain.chain.deploying import CONSTRUCTORS
from swarm_chain.chain.events import KINDS, layouts, topics
from swarm_chain.chain.reverts import read_revert

OPENZEPPELIN_S = {"Approval", "EIP712DomainChanged"}


def entries(kind: str) -> dict[str, dict]:  # type: ignore[type-arg]
    return {entry["name"]: entry for name in artifacts.CONTRACTS for entry in artifacts.load(name).abi if entry["type"] == kind}


def test_every_event_of_the_contracts_has_its_type() -> None:
    assert {kind.__name__ for kind in KINDS} == set(entries("event")) - OPENZEPPELIN_S
    assert len({tuple(topics(kind)) for kind in KINDS}) == len(KINDS) == len(layouts())


def test_constructors_take_what_they_are_given() -> None:
    for name in artifacts.CONTRACTS:
        (inputs,) = [entry["inputs"] for entry in artifacts.load(name).abi if entry["type"] == "constructor"] or [[]]
        assert len(inputs) == (1 if name == "SwarmToken" else len(CONSTRUCTORS[name]))


def test_odd_revert_data_is_taken() -> None:
    panic = "0x4e487b71" + "11".rjust(64, "0")
    reason = "0x08c379a0" + "20".rjust(64, "0") + "02".rjust(64, "0") + "6869".ljust(64, "0")
    assert "0x11" in read_revert(panic).text
    assert "hi" in read_revert(reason).text
    for data in (None, "", "0x", "0xdeadbeef", "zz", 7, panic[:20], {"data": None}, b"\x4e\x48\x7b\x71", {}):
        revert = read_revert(data, "execution reverted")
        assert revert.error == ""
        assert "revert" in revert.text
    assert read_revert({"data": panic}).text == read_revert(panic).text == read_revert("Reverted " + panic).text
