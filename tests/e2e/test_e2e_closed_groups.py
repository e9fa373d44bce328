"""A closed group on real processes: members agree and judge, and whoever has the chain and the store alone can open nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import recompute
from swarm_of_processes import PASSWORD, STAKE, Swarm

from swarm_chain.chain.events import ResultStruck, VoterSlashed
from swarm_chain.errors import IntegrityError
from swarm_chain.node.keys import GROUP_KEYS, NODE_KEY, key_path
from swarm_chain.protocol.disputes.evidence import Fault
from swarm_chain.protocol.model import Model, encode_model
from swarm_chain.protocol.sealing import fresh_salt, unseal
from swarm_chain.protocol.update import UpdateHeader
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import Round


def group_key_file(swarm: Swarm, index: int) -> Path:
    (path,) = key_path(swarm.home(index), NODE_KEY).parent.glob(GROUP_KEYS)
    return path


@contextmanager
def watching(swarm: Swarm, name: str, *flags: object) -> Iterator[tuple[Path, Path]]:
    """A watcher's process, and the files of what it saw and said."""
    command = [sys.executable, "-m", "swarm_chain.cli.main", "watch", "--group", str(swarm.group), "--rpc", swarm.rpc_url, "--json"]
    command += ["--deployment", str(swarm.deployment), "--home", str(swarm.folder / name), *map(str, flags)]
    seen, said = swarm.folder / f"{name}-seen", swarm.folder / f"{name}-said"
    with seen.open("wb") as out, said.open("wb") as err:
        watcher = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=dict(os.environ))
    try:
        yield seen, said
    finally:
        watcher.terminate()
        code = watcher.wait(30)
    assert code == 130, said.read_text()[-3000:]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_members_of_a_closed_group_agree_and_an_outsider_opens_nothing(swarm: Swarm) -> None:
    swarm.create_closed(commit_duration=300, challenge_window=12).add_nodes(3)  # time for watchers to come, and to look at each round
    kept = group_key_file(swarm, 2)
    kept.rename(kept.with_suffix(".away"))
    swarm.start(2, rounds=3)
    assert swarm.ended(2, timeout=150) == 3
    for said in ("is closed, and its key is not here", "group invite", "group join"):
        assert said in swarm.log(2).read_text()
    kept.with_suffix(".away").rename(kept)

    password = swarm.folder / "password of members"
    password.write_text(PASSWORD)
    for index in range(2):
        swarm.start(index, rounds=3)
    swarm.until("the first commit", lambda: swarm.committed(0, 1))
    key_file = group_key_file(swarm, 0)
    with (
        watching(swarm, "outsider") as (outside, outsider_said),
        watching(swarm, "member", "--group-key-file", key_file, "--password-file", password) as (inside, member_said),
    ):
        swarm.until("both watch", lambda: all(b"Watching group" in said.read_bytes() for said in (outsider_said, member_said)))
        swarm.start(2, {"seals_openly": [2]}, rounds=3)  # the first round has waited for it
        swarm.all_done(timeout=240)

    assert outside.read_text() == "", "it judges nothing"
    assert outsider_said.read_text().count("is closed: its updates open to members alone") == 1
    assert f"Group {swarm.group} is closed" not in member_said.read_text()
    judged = [json.loads(line) for line in inside.read_text().splitlines()]
    assert {line["what"] for line in judged} <= {"right", "unjudged"}  # bytes can come later than it has patience
    assert 2 in {line["round"] for line in judged if line["what"] == "right"}

    finals = {final.result.round: final for final in swarm.contracts.rounds.finals(swarm.group)}
    assert list(finals) == [1, 2, 3]
    everybody, openly = 0b111, 1 << swarm.seat(2)
    assert [final.result.included for final in finals.values()] == [everybody, everybody ^ openly, everybody]
    store = EmbeddedStore(swarm.home(1) / "store")
    parent = encode_model(Model(swarm.task.initial_weights(), swarm.task.initial_exponents(), swarm.task.numbers.fraction_bits))
    commits = swarm.contracts.rounds.commits(swarm.group, Round(1))

    def get(digest: bytes) -> bytes:
        return store.get(digest, 10**6)

    result, _ = recompute.result_of(swarm, 1, finals[1].result.parent, parent, commits, get, swarm.group_key)
    assert result == finals[1].result, "what members open is what was agreed on"
    for commit in commits:
        header = UpdateHeader(swarm.contracts.domain(swarm.group), Round(1), commit.node, swarm.terms.dimension, swarm.terms.fraction_bits)
        sealed = get(commit.sealed_digest)
        with pytest.raises(IntegrityError, match="sealed for members of the group"):
            unseal(header, commit.reveal.salt, sealed)
        with pytest.raises(IntegrityError, match="does not open it"):  # as if it were sealed as elsewhere
            unseal(header, commit.reveal.salt, sealed[:7] + b"\1" + sealed[8:])
        with pytest.raises(IntegrityError, match="does not open it"):
            unseal(header, commit.reveal.salt, sealed, fresh_salt())
    store.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_one_honest_member_strikes_what_the_others_of_a_closed_group_agree_on(swarm: Swarm) -> None:
    swarm.create_closed(challenge_window=25).add_nodes(4)
    for index in range(4):
        swarm.start(index, None if index == 3 else {"lies": [1]}, rounds=5)
    swarm.all_done(timeout=500)
    last = swarm.contracts.web3.eth.block_number
    (struck,) = swarm.contracts.disputes.events(swarm.group, [ResultStruck], 0, last)
    assert (struck.challenger, struck.kind) == (swarm.nodes[3], Fault.COORDINATE)
    slashed = swarm.contracts.disputes.events(swarm.group, [VoterSlashed], 0, last)
    assert sorted(event.node for event in slashed) == sorted(swarm.nodes[:3])
    assert {event.taken for event in slashed} == {STAKE // 2}
    assert struck.result_hash not in [final.parent for final in swarm.finals()]
    assert swarm.finals()
