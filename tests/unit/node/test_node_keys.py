import json
import logging
import stat
import subprocess
import sys

import pytest

from swarm_chain.errors import KeyFileError
from swarm_chain.node.keys import NODE_KEY, create_key, key_address, key_path, load_key, save_key

LIGHT = 2


@pytest.fixture
def path(tmp_path):
    return key_path(tmp_path / "a home", NODE_KEY)


def test_a_created_key_opens_with_its_password(path):
    account = create_key(path, "correct horse", scrypt_n=LIGHT)
    assert load_key(path, "correct horse").key == account.key
    assert key_address(path) == account.address


def test_the_file_is_for_its_owner_alone(path):
    create_key(path, "p", scrypt_n=LIGHT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == [NODE_KEY]


def test_full_work_factor_unless_asked_otherwise(path):
    create_key(path, "p")
    assert json.loads(path.read_text())["crypto"]["kdfparams"]["n"] == 2**18


def test_a_key_is_never_overwritten(path):
    create_key(path, "p", scrypt_n=LIGHT)
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="already"):
        create_key(path, "q", scrypt_n=LIGHT)
    assert path.read_bytes() == before


def test_racing_processes_keep_one_key(path):
    script = (
        "import sys; from pathlib import Path; from swarm_chain.node.keys import create_key\n"
        "sys.stdin.readline(); print(create_key(Path(sys.argv[1]), 'p', 2).address)"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for _ in range(4)
    ]
    for racer in racers:
        racer.stdin.write("\n")
        racer.stdin.flush()
    won = [out.strip() for out, _ in (racer.communicate() for racer in racers) if out.strip()]
    assert won == [key_address(path)]


@pytest.mark.parametrize("password", ["", "wrong", "correct horse "])
def test_a_wrong_password_changes_nothing(path, password):
    create_key(path, "correct horse", scrypt_n=LIGHT)
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="password") as caught:
        load_key(path, password)
    assert caught.value.exit_code == 3
    assert path.read_bytes() == before


def test_a_missing_file_is_named(path):
    with pytest.raises(KeyFileError, match="There is no key file"):
        load_key(path, "p")


@pytest.mark.parametrize(
    "change",
    [
        lambda keystore: keystore.pop("crypto"),
        lambda keystore: keystore.update(version=1),
        lambda keystore: keystore.update(address="nobody"),
        lambda keystore: keystore.update(address="00" * 20),
        lambda keystore: keystore["crypto"].update(cipher="rot13"),
        lambda keystore: keystore["crypto"]["kdfparams"].update(n=2**40),
        lambda keystore: keystore["crypto"].update(ciphertext=7),
    ],
)
def test_a_malformed_file_is_refused(path, change):
    create_key(path, "p", scrypt_n=LIGHT)
    keystore = json.loads(path.read_text())
    change(keystore)
    path.write_text(json.dumps(keystore))
    with pytest.raises(KeyFileError, match="is no key file"):
        load_key(path, "p")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"{}"])
def test_a_file_of_something_else_is_refused(path, content):
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match="is no key file"):
        load_key(path, "p")


def test_the_key_shows_nowhere(path, caplog):
    with caplog.at_level(logging.DEBUG):
        account = create_key(path, "canary-password", scrypt_n=LIGHT)
        load_key(path, "canary-password")
        with pytest.raises(KeyFileError) as caught:
            load_key(path, "canary-passw0rd")
    shown = caplog.text + repr(account) + str(account) + str(caught.value) + path.read_text()
    assert account.key.hex() not in shown
    assert "canary" not in shown


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileError, match="cannot be written"):
        create_key(tmp_path / "file" / "node.json", "p", scrypt_n=LIGHT)


def test_a_given_key_is_kept(path):
    account = create_key(path, "p", scrypt_n=LIGHT)
    other = path.with_name("operator.json")
    save_key(other, account, "q", scrypt_n=LIGHT)
    assert load_key(other, "q").key == account.key
