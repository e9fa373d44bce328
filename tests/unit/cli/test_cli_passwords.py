"""Passwords: where they come from, and that keys open with the right one alone."""

from pathlib import Path

import pytest

from swarm_chain.cli.passwords import create_keys, open_key
from swarm_chain.cli.settings import Settings
from swarm_chain.cli.swarm_home import SwarmHome
from swarm_chain.errors import ConfigurationError, KeyFileError, UsageError
from swarm_chain.node.keys import create_key, key_address


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SwarmHome:
    monkeypatch.chdir(tmp_path)
    for name in ("PASSWORD", "PASSWORD_FILE", "HOME", "CONFIG"):
        monkeypatch.delenv(f"SWARM_CHAIN_{name}", raising=False)
    return SwarmHome(tmp_path / "home")


def test_a_local_swarm_makes_a_password_of_its_own(home: SwarmHome) -> None:
    paths = [home.operator_key("ada"), home.node_key("ada")]
    assert create_keys(paths, Settings.load(), home, local=True) == paths
    assert home.password_file.stat().st_mode & 0o777 == 0o600
    assert len(home.password_file.read_text().strip()) >= 40
    assert open_key(paths[0], Settings.load(), home).address == key_address(paths[0])
    assert create_keys(paths, Settings.load(), home, local=True) == [], "what is there is kept"
    more = home.node_key("bob")
    create_keys([more], Settings.load(), home, local=False)
    assert open_key(more, Settings.load(), home).address == key_address(more), "one password a local swarm"


def test_a_password_that_is_set_comes_first(home: SwarmHome, tmp_path: Path) -> None:
    path = home.node_key("ada")
    create_key(path, "the right one", 2)
    (tmp_path / "file").write_text("the right one\nnot this line")
    assert open_key(path, Settings.load(password_file=tmp_path / "file"), home).address == key_address(path)
    assert open_key(path, Settings.load(password="the right one"), home).address == key_address(path)
    with pytest.raises(KeyFileError, match="does not open"):
        open_key(path, Settings.load(password="another one"), home)


def test_the_local_password_is_not_tried_on_keys_from_elsewhere(home: SwarmHome, tmp_path: Path) -> None:
    create_keys([home.node_key("ada")], Settings.load(), home, local=True)
    create_key(tmp_path / "mine.json", "another one", 2)
    with pytest.raises(UsageError, match="no terminal"):
        open_key(tmp_path / "mine.json", Settings.load(), home)


def test_a_new_password_is_typed_twice(home: SwarmHome, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["long enough", "long enuogh"])
    monkeypatch.setattr("swarm_chain.cli.present.ask_secret", lambda _: next(answers))
    with pytest.raises(KeyFileError, match="differ"):
        create_keys([home.node_key("ada")], Settings.load(), home, local=False)
    assert home.key_files() == []


def test_a_short_password_is_refused(home: SwarmHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarm_chain.cli.present.ask_secret", lambda _: "short")
    with pytest.raises(UsageError, match="at least 8"):
        create_keys([home.node_key("ada")], Settings.load(), home, local=False)


def test_a_password_file_must_be_there(home: SwarmHome, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        create_keys([home.node_key("ada")], Settings.load(password_file=tmp_path / "none"), home, local=False)
