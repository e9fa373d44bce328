"""What a user can set, and the only reader of it: a flag, else the environment (``SWARM_CHAIN_*``), else a YAML or TOML file."""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from swarm_chain.errors import ConfigurationError

PREFIX = "SWARM_CHAIN_"
FILE_NAMES = ("swarm-chain.toml", "swarm-chain.yaml", "swarm-chain.yml")


class Settings(BaseSettings):
    """Every setting, its default, what it does. A file's keys are named so; in the environment in upper case, with the prefix."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True, hide_input_in_errors=True)

    config: Path | None = Field(None, description="the YAML or TOML file that holds settings")
    home: Path = Field(Path(".swarm"), description="the swarm folder: keys, deployment file, chain, stores, logs")
    rpc_url: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None, description="the chain's JSON-RPC, one or several; by default the local chain of the swarm folder"
    )
    rpc_quorum: int | None = Field(
        None, ge=1, le=64, description="how many of several RPC URLs must say the same; by default more than half"
    )
    rpc_timeout: float = Field(30.0, gt=0, le=3600, description="seconds to wait for an answer of the chain")
    deployment: Path | None = Field(None, description="the deployment file; by default the swarm folder's")
    password: SecretStr | None = Field(None, description="opens the key files (better: password_file)")
    password_file: Path | None = Field(None, description="a file whose first line opens the key files")
    key: Path | None = Field(None, description="the key file that signs; by default the operator's of the node named")
    operator_key: SecretStr | None = Field(None, description="the operator's private key in hexadecimal, for containers; never written")
    node_key: SecretStr | None = Field(None, description="the node's private key in hexadecimal, for containers; never written")
    operator_signer: str | None = Field(None, description="URL of a signer (web3signer, Clef) that holds the operator's key")
    operator_contract: str | None = Field(
        None, description="the operator's address where it is a contract (a multisig): calls are printed for it"
    )
    operator_address: str | None = Field(None, description="the operator's account, where the signer has several")
    name: str = Field("node", pattern=r"^[A-Za-z0-9._-]{1,64}$", description="the node's name: its folders in the swarm folder")
    group: int | None = Field(None, ge=1, le=2**32 - 1, description="the group's number")

    data: Path | None = Field(None, description="a folder of files to train on instead of the task's own data")
    task_file: Path | None = Field(None, description="a Python file of one's own that registers a kind of task; it is run")
    part: int | None = Field(None, ge=0, description="which part of the task's split this node trains on; by default its seat")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of the node's shuffling; results never depend on it being kept")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1 or mps")
    threads: int | None = Field(None, ge=1, le=1024, description="threads to train with; by default all cores")
    rounds: int | None = Field(None, ge=1, description="stop after this many rounds and the closing vote; by default never")

    store: Literal["embedded", "kubo", "kubo-process"] = Field("embedded", description="where bytes are kept")
    store_capacity: int | None = Field(None, ge=1, description="the embedded store's most bytes; by default what the disk has")
    kubo_url: str = Field("http://127.0.0.1:5001", description="RPC URL of a Kubo daemon, where store is kubo")
    kubo_port: int = Field(4001, ge=0, le=65535, description="TCP port of the Kubo process, where store is kubo-process")
    gateway_host: str = Field("127.0.0.1", description="address to serve bytes to other nodes on")
    gateway_port: int = Field(0, ge=0, le=65535, description="port to serve bytes on; 0 takes a free one")
    gateway_url: str | None = Field(None, description="how others reach the gateway, where that is not its own address")
    providers: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="gateways to ask for manifests and models, besides the nodes' own"
    )
    relay: str | None = Field(None, description="URL of a relay that brings the node's commits and reveals to the chain")
    relay_host: str = Field("127.0.0.1", description="address where a relay takes messages")
    relay_port: int = Field(0, ge=0, le=65535, description="port where a relay takes messages; 0 takes a free one")
    relay_batch: int = Field(128, ge=1, le=255, description="most messages in one transaction of a relay")
    relay_wait: float = Field(10.0, ge=0, le=3600, description="most seconds that a message waits in a relay for others")
    keep_rounds: int = Field(16, ge=2, le=10_000, description="settled rounds whose updates and models stay in the store")
    confirmations: int | None = Field(
        None, ge=0, le=1000, description="blocks to wait before acting on what the chain says; by default the network's"
    )
    fee_cap: float = Field(500.0, gt=0, le=10**9, description="gwei a gas; what would cost more waits for lower fees")
    replace_after: int = Field(5, ge=1, le=10_000, description="blocks until a transaction that is not mined is replaced for more")
    poll_interval: float = Field(1.0, ge=0.05, le=600, description="seconds between looks at the chain")
    allow_private: bool | None = Field(
        None, description="fetch from private addresses, as in swarms on one network; by default on local chains"
    )
    metrics_host: str = Field("127.0.0.1", description="address to tell a node's metrics and health on")
    metrics_port: int | None = Field(None, ge=0, le=65535, description="port for them; 0 takes a free one, by default they are not told")
    otlp_endpoint: str | None = Field(None, description="URL of an OpenTelemetry collector to send traces of rounds to, by OTLP over HTTP")
    keep_checkpoints: int = Field(3, ge=0, le=100_000, description="newest rounds whose models a node writes as safetensors files")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="how much the logs say")
    log_format: Literal["human", "json"] = Field("human", description="a log line: words for people, or JSON for machines")

    @field_validator("providers", "rpc_url", mode="before")
    @classmethod
    def split(cls, value: object) -> object:
        """Takes ``"url, url"`` beside a list, as the environment has no lists."""
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, file; the file is named by one of the first two, or lies in the working folder."""
        named = init_settings().get("config") or env_settings().get("config")
        path = Path(named) if named else _file_here()
        values = _read_file(path) if path else {}
        return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=values)

    @classmethod
    def load(cls, **flags: object) -> Self:
        """Reads the settings; a flag that is None was not given.

        Raises:
            ConfigurationError: a key that is not known, a value that is not right, a file that cannot be read.
        """
        _refuse_misspelt_environment()
        try:
            return cls(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]  # pydantic checks them
        except ValidationError as error:
            raise _configuration_error(error) from None


def write(path: Path, values: Mapping[str, object]) -> None:
    """Writes a TOML file of settings; None is left out. A JSON string is a TOML string, a JSON number a TOML number."""
    shown = {name: str(value) if isinstance(value, Path) else value for name, value in values.items() if value is not None}
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in shown.items()), encoding="utf-8")


@contextmanager
def only(config: Path) -> Iterator[None]:
    """Within, for this process and those it starts, nothing is set but what a file says."""
    before = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    for name in before:
        del os.environ[name]
    os.environ[f"{PREFIX}CONFIG"] = str(config)
    try:
        yield
    finally:
        del os.environ[f"{PREFIX}CONFIG"]
        os.environ.update(before)


def _file_here() -> Path | None:
    found = [path for name in FILE_NAMES if (path := Path(name)).is_file()]
    if len(found) > 1:
        raise ConfigurationError(
            f"This folder has more than one settings file: {', '.join(map(str, found))}.",
            "Nothing was changed.",
            f"Keep one, or name one with --config or {PREFIX}CONFIG.",
        )
    return found[0] if found else None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(
            f"The settings file {path} cannot be read: {reason}.", "Nothing was changed.", "Check the path."
        ) from error
    try:
        if path.suffix == ".toml":
            values: object = tomllib.loads(text)
        elif path.suffix in (".yaml", ".yml"):
            values = yaml.safe_load(text)
        else:
            raise ConfigurationError(f"The settings file {path} is neither YAML nor TOML by its name.", "", "Name it .yaml, .yml or .toml.")
    except (tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"The settings file {path} is malformed{_where(error)}.", "Nothing was changed.", "Mend that line."
        ) from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigurationError(f"The settings file {path} holds no keys.", "Nothing was changed.", "Write one 'key: value' a line.")
    for key in map(str, values):
        if key not in Settings.model_fields:
            near = _nearest(key, cutoff=0.5)
            raise ConfigurationError(
                f"{path} has the key {key!r}, and no setting is called so.",
                "Nothing was changed.",
                f"Did you mean {near!r}?" if near else "`swarm-chain settings` lists them.",
            )
    for key in (
        "home",
        "deployment",
        "password_file",
        "key",
        "data",
        "task_file",
    ):  # a file's paths are relative to the file, so that it works from anywhere
        if isinstance(values.get(key), str):
            values[key] = path.parent / Path(values[key]).expanduser()
    return values


def _where(error: tomllib.TOMLDecodeError | yaml.YAMLError) -> str:
    """Where a file is malformed. YAML's own words quote the file, in which passwords and keys can be."""
    if isinstance(error, tomllib.TOMLDecodeError):
        return f": {error}"
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return f" at line {mark.line + 1}, column {mark.column + 1}"
    return f" at character {error.position + 1}" if isinstance(error, yaml.reader.ReaderError) else ""


def _nearest(name: str, cutoff: float) -> str:
    return next(iter(get_close_matches(name.lower().replace("-", "_"), Settings.model_fields, n=1, cutoff=cutoff)), "")


def _refuse_misspelt_environment() -> None:
    """Variables that look like a setting of ours; others of the prefix may be somebody else's."""
    for variable in os.environ:
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or name in Settings.model_fields:
            continue
        if near := _nearest(name, cutoff=0.75):
            raise ConfigurationError(
                f"The environment has {variable}, and no setting is called so.",
                "Nothing was changed.",
                f"Did you mean {PREFIX}{near.upper()}?",
            )


def _configuration_error(error: ValidationError) -> ConfigurationError:
    """One sentence a value; never the value itself where it may be a secret."""
    first = error.errors(include_url=False, include_context=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    message = str(first["msg"]).removeprefix("Value error, ")
    return ConfigurationError(
        f"The setting {name} is not right: {message[:1].lower() + message[1:]}.",
        "Nothing was changed.",
        f"Mend --{name.replace('_', '-')}, {PREFIX}{name.upper()} or the file's {name}.",
    )
