"""What a node is told by its node.toml; relative paths are relative to that file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from steelyard import records
from steelyard.errors import Invalid


class VaultConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the key-encryption key comes from; `folder` is where it and the mark lie, by default the identity's."""

    provider: Literal["file", "passphrase", "aws-kms"] = "file"
    folder: str = ""
    passphrase_file: str = ""
    passphrase_env: str = ""  # the name of an environment variable
    aws_key: str = ""  # an ARN, an id or alias/...
    aws_region: str = ""
    aws_endpoint: str = ""
    codec: Literal["fernet", "aes-gcm"] = "fernet"  # of what is sealed from now on
    cache_mib: Annotated[int, msgspec.Meta(ge=0, le=65_536)] = 256  # opened datasets in memory


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`identity` is the folder with keys, certificates and manifest, `state` the node's own store."""

    party: str
    identity: Path
    state: Path
    listen: str
    policy: Path
    log_level: str = "info"
    metrics: str = ""  # host:port of a Prometheus endpoint; empty for none
    round_seconds: Annotated[float, msgspec.Meta(gt=0, le=600)] = 15.0  # patience with the slowest peer in one round
    attempts_at_once: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
    vault: VaultConfig = VaultConfig()


def load(path: Path) -> NodeConfig:
    """Raises Invalid naming the key that is wrong."""
    try:
        raw = tomllib.loads(path.read_text())
        config = records.from_plain(raw, NodeConfig, hook=lambda kind, value: kind(value))
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, records.DecodeError) as error:
        raise Invalid(f"{path}: {error}") from None
    base = path.resolve().parent
    folders = {name: base / getattr(config, name) for name in ("identity", "state", "policy")}
    return msgspec.structs.replace(config, **folders, vault=_vault(config.vault, base, folders["identity"]))


def _vault(config: VaultConfig, base: Path, identity: Path) -> VaultConfig:
    """With whole paths.  Raises Invalid for a provider without what it needs."""
    if config.provider == "passphrase" and bool(config.passphrase_file) == bool(config.passphrase_env):
        raise Invalid("vault: the provider passphrase needs passphrase_file or passphrase_env, and not both")
    if config.provider == "aws-kms" and not config.aws_key:
        raise Invalid("vault: the provider aws-kms needs aws_key")
    return msgspec.structs.replace(
        config,
        folder=str(base / config.folder) if config.folder else str(identity),
        passphrase_file=str(base / config.passphrase_file) if config.passphrase_file else "",
    )
