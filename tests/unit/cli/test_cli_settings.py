"""Settings: which source comes first, and what is refused."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from swarm_chain.cli.main import app
from swarm_chain.cli.settings import PREFIX, Settings
from swarm_chain.errors import ConfigurationError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)
    return tmp_path


def test_a_flag_comes_before_the_environment_before_the_file(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / "swarm-chain.toml").write_text("group = 1\nseed = 1\nname = 'a'\n")
    monkeypatch.setenv("SWARM_CHAIN_GROUP", "2")
    monkeypatch.setenv("SWARM_CHAIN_SEED", "2")
    settings = Settings.load(group=3)
    assert (settings.group, settings.seed, settings.name) == (3, 2, "a")


def test_a_flag_that_is_none_was_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARM_CHAIN_GROUP", "2")
    assert Settings.load(group=None).group == 2


@pytest.mark.parametrize("name", ["mine.yaml", "mine.yml", "mine.toml"])
@pytest.mark.parametrize("by", ["flag", "environment"])
def test_a_file_is_named_by_flag_or_environment(elsewhere: Path, monkeypatch: pytest.MonkeyPatch, name: str, by: str) -> None:
    folder = elsewhere / "a b"
    folder.mkdir()
    text = "group = 7\nhome = 'here'\n" if name.endswith("toml") else "group: 7\nhome: here\n"
    (folder / name).write_text(text)
    if by == "environment":
        monkeypatch.setenv("SWARM_CHAIN_CONFIG", str(folder / name))
    settings = Settings.load(config=folder / name if by == "flag" else None)
    assert settings.group == 7
    assert settings.home == folder / "here", "a file's paths are relative to the file"


def test_an_unknown_key_is_refused_with_the_nearest(elsewhere: Path) -> None:
    (elsewhere / "swarm-chain.yaml").write_text("rpc-ulr: http://localhost:1\n")
    with pytest.raises(ConfigurationError, match=r"'rpc-ulr'.*Did you mean 'rpc_url'"):
        Settings.load()


def test_a_misspelt_variable_is_refused_and_a_strange_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARM_CHAIN_SOMETHING_ELSE", "1")
    Settings.load()
    monkeypatch.setenv("SWARM_CHAIN_PASSWROD", "secret")
    with pytest.raises(ConfigurationError, match=r"SWARM_CHAIN_PASSWROD.*SWARM_CHAIN_PASSWORD") as caught:
        Settings.load()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("GROUP", "0"), ("GROUP", "many"), ("RPC_TIMEOUT", "-1"), ("GATEWAY_PORT", "70000"), ("LOG_LEVEL", "loud"), ("NAME", "../up")],
)
def test_a_wrong_value_names_its_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(ConfigurationError, match=f"setting {name.lower()} is not right.*{PREFIX}{name}"):
        Settings.load()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("x.toml", "group = ", "malformed"),
        ("x.yaml", "group: [", "malformed"),
        ("x.yaml", "- 1", "no keys"),
        ("x.json", "{}", "neither YAML nor TOML"),
    ],
)
def test_a_broken_file_is_refused(elsewhere: Path, name: str, text: str, says: str) -> None:
    (elsewhere / name).write_text(text)
    with pytest.raises(ConfigurationError, match=says):
        Settings.load(config=elsewhere / name)


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("x.yaml", 'group: 1\npassword: "canary\n', "line 3, column 1"),
        ("x.yaml", "group: 1\noperator_key: *canary\n", "line 2, column 15"),
        ("x.yaml", "operator_key: !canary x\n", "line 1, column 15"),
        ("x.yaml", "password: \0canary", "character 11"),
        ("x.toml", 'password = "canary', "line 1, column 19|end of document"),
    ],
)
def test_a_broken_file_s_message_says_where_and_shows_nothing_of_it(elsewhere: Path, name: str, text: str, where: str) -> None:
    (elsewhere / name).write_text(text)
    with pytest.raises(ConfigurationError, match=where) as caught:
        Settings.load(config=elsewhere / name)
    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_file_that_is_named_must_be_there(elsewhere: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Settings.load(config=elsewhere / "none.toml")


def test_two_files_here_are_one_too_many(elsewhere: Path) -> None:
    (elsewhere / "swarm-chain.toml").write_text("")
    (elsewhere / "swarm-chain.yaml").write_text("")
    with pytest.raises(ConfigurationError, match="more than one settings file"):
        Settings.load()


def test_an_empty_yaml_file_sets_nothing(elsewhere: Path) -> None:
    (elsewhere / "swarm-chain.yaml").write_text("# nothing\n")
    assert Settings.load() == Settings.load(config=elsewhere / "swarm-chain.yaml").model_copy(update={"config": None})


def test_a_password_is_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARM_CHAIN_PASSWORD", "correct horse")
    assert "correct horse" not in repr(Settings.load())


def test_providers_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARM_CHAIN_PROVIDERS", "http://a:1, http://b:2")
    assert Settings.load().providers == ("http://a:1", "http://b:2")


def test_several_rpc_urls_are_given_in_one_word_or_as_a_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    urls = ("https://one.example/key", "wss://two.example")
    assert Settings.load(rpc_url=" , ".join(urls)).rpc_url == urls
    monkeypatch.setenv("SWARM_CHAIN_RPC_URL", ",".join(urls))
    assert Settings.load().rpc_url == urls
    monkeypatch.delenv("SWARM_CHAIN_RPC_URL")
    file = tmp_path / "swarm-chain.yaml"
    file.write_text(f"rpc_url:\n  - {urls[0]}\n  - {urls[1]}\nrpc_quorum: 1\n")
    assert (Settings.load(config=file).rpc_url, Settings.load(config=file).rpc_quorum) == (urls, 1)


def test_settings_show_no_more_of_rpc_urls_than_their_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARM_CHAIN_RPC_URL", "https://user:word@one.example:8545/v3/secret-key?token=hidden,wss://two.example/secret-key")
    said = CliRunner().invoke(app, ["settings", "--json"])
    assert json.loads(said.output)["rpc_url"] == "https://one.example:8545, wss://two.example"
