"""What a node is told by its node.toml; relative paths are relative to that file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from steelyard.errors import Invalid


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


def load(path: Path) -> NodeConfig:
    """Raises Invalid naming the key that is wrong."""
    try:
        raw = tomllib.loads(path.read_text())
        config = msgspec.convert(raw, NodeConfig, dec_hook=lambda kind, value: kind(value))
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Invalid(f"{path}: {error}") from None
    base = path.resolve().parent
    folders = {name: base / getattr(config, name) for name in ("identity", "state", "policy")}
    return msgspec.structs.replace(config, **folders)
