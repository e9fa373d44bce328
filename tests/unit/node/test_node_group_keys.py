"""Keys of closed groups as nodes hold them: the right one of several, from key files, shown nowhere."""

import json
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account

from swarm_chain.chain.groups import Group
from swarm_chain.errors import KeyFileError, SwarmChainError
from swarm_chain.node.__main__ import read_settings
from swarm_chain.node.genesis import key_among
from swarm_chain.node.keys import create_key, group_key_path, load_key, save_key
from swarm_chain.node.settings import NodeSettings
from swarm_chain.node.watching import WatchSettings, _commitment
from swarm_chain.protocol.group_key import fresh_key, key_commitment
from swarm_chain.storage.embedded import EmbeddedStore
from swarm_chain.types import ZERO32, Address, Digest, GroupId, Mixing, Rule, Scoring, Terms

CREATOR = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
TERMS = Terms(1, 24, 2, 10, Rule.MEAN, Mixing.NONE, Scoring.EQUAL, 8, 2, 5_000, True, 60, 30, 30, 300, 3, 8, 0, 0)
GROUP = Group(GroupId(7), CREATOR, TERMS, Digest(ZERO32), Digest(ZERO32), ZERO32)


def kept(folder: Path, key: bytes) -> Path:
    path = group_key_path(folder, key_commitment(key))
    save_key(path, Account.from_key(key), "password", scrypt_n=2)
    return path


def test_a_key_file_holds_a_groups_key_for_its_owner_alone(tmp_path):
    keys = [fresh_key() for _ in range(3)]
    for key in keys:
        path = kept(tmp_path, key)
        assert bytes(load_key(path, "password").key) == key
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert key.hex() not in path.read_text()
    assert len(list(tmp_path.iterdir())) == 3


def test_the_right_one_of_several_is_taken():
    keys = [fresh_key() for _ in range(3)]
    for key in keys:
        assert key_among(GROUP, key_commitment(key), keys) == key
    assert key_among(GROUP, None, keys) is None


@pytest.mark.parametrize("held", [(), (fresh_key(),), (fresh_key(), fresh_key())], ids=len)
def test_without_the_groups_key_it_is_said_how_to_get_it(held):
    with pytest.raises(KeyFileError) as refused:
        key_among(GROUP, key_commitment(fresh_key()), held)
    for said in ("Group 7 is closed", "Nothing was sent", CREATOR, "group invite", "group join 7 --invitation"):
        assert said in str(refused.value)
    assert ("of other groups" in str(refused.value)) == bool(held)


class Members:
    """Those of a group, none of whom can be asked."""

    def providers(self) -> list[str]:
        return []


@pytest.mark.parametrize("manifest", [None, b"no JSON", b'{"group_key": 5}'], ids=["withheld", "no-json", "no-commitment"])
def test_who_withholds_a_manifest_keeps_no_watcher_away(manifest, tmp_path, caplog):
    with closing(EmbeddedStore(tmp_path / "store")) as store:
        digest = store.put(manifest).digest if manifest else Digest(b"\x01" * 32)
        group = replace(GROUP, manifest_digest=digest)
        assert _commitment(group, store, Members(), None) is None
        assert "Whether group 7 is closed is not known" in caplog.text
        with pytest.raises(SwarmChainError):  # but whoever gives a key wants it used
            _commitment(group, store, Members(), fresh_key())
        key = fresh_key()
        right = store.put(json.dumps({"group_key": key_commitment(key)}).encode()).digest
        assert _commitment(replace(GROUP, manifest_digest=right), store, Members(), None) == key_commitment(key)


def test_a_nodes_process_opens_all_that_lie_beside_its_key(tmp_path):
    create_key(tmp_path / "keys" / "node.json", "password", scrypt_n=2)
    keys = {fresh_key() for _ in range(2)}
    for key in keys:
        kept(tmp_path / "keys", key)
    values = {"home": "h", "rpc_url": "u", "deployment": "d", "group": 1, "key_file": f"{tmp_path}/keys/node.json", "password": "password"}
    (tmp_path / "settings.json").write_text(json.dumps(values))
    settings = read_settings(tmp_path / "settings.json")
    assert set(settings.group_keys) == keys


def test_the_canary_knows_the_keys_that_key_files_hold(no_secret_is_told, tmp_path):
    key = fresh_key()
    assert not no_secret_is_told.found_in(key.hex().encode())
    kept(tmp_path, key)
    assert len(no_secret_is_told.found_in(f"{key.hex()} {int.from_bytes(key, 'big')}".encode())) == 2


def test_no_settings_show_a_key():
    key, account = fresh_key(), Account.create()
    home, deployment, group = Path("home"), Path("file"), GroupId(1)
    for settings in (
        NodeSettings(home=home, rpc_url="u", deployment=deployment, group=group, account=account, group_keys=(key,)),
        WatchSettings(home=home, rpc_url="u", deployment=deployment, group=group, account=account, group_key=key),
    ):
        assert "rpc_url" in repr(settings)
        assert repr(key) not in repr(settings)
        assert key.hex() not in repr(settings)
