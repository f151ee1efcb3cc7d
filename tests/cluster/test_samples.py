"""The files in deploy/config say what the programs take, and with which defaults."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator import config as coordinator_config
from node import config as node_config
from node import policy
from steelyard.privacy.policy import ALL

SAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "config"


def defaults(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Every key with its default; None where it has none, a dictionary for a section."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        section = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        default = None if field.default is msgspec.NODEFAULT else field.default
        found[field.encode_name] = defaults(field.type) if section else default
    return found


def without_required(sample: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    return {key: None if known.get(key, "unknown") is None else value for key, value in sample.items()}


@pytest.mark.parametrize(
    ("name", "struct"),
    [("node.full.toml", node_config.NodeConfig), ("coordinator.toml", coordinator_config.Config)],
)
def test_a_full_sample_names_every_key_with_its_default(name: str, struct: type[msgspec.Struct]) -> None:
    sample = tomllib.loads((SAMPLES / name).read_text())
    known = defaults(struct)
    assert without_required(sample, known) == known


def test_the_short_sample_of_a_node_means_the_same_as_the_full_one() -> None:
    assert node_config.load(SAMPLES / "node.toml") == node_config.load(SAMPLES / "node.full.toml")


def test_the_sample_of_the_coordinator_is_read_by_it() -> None:
    assert coordinator_config.load(SAMPLES / "coordinator.toml").listen == "0.0.0.0:7400"


def test_the_sample_policy_leaves_nothing_to_everybody() -> None:
    sample = policy.load(SAMPLES / "policy.toml")
    assert sample.requesters == ("analyst",)
    assert ALL not in sample.datasets
    assert sample.minimum_group >= 3
