"""The wire contract: generated code is fresh, and every method of ours says who may call it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from architecture.source import GENERATED, ROOT

import coordinator.authorisation
import node.authorisation
from steelyard.v1 import coordinator_pb2, node_pb2, peer_pb2


def generated(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.iterdir() if path.is_file() and path.name != "__init__.py")
    return {path.name: path.read_bytes() for path in found}


def test_generated_code_is_what_the_protos_say(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "scripts" / "gen_protos.py", "--out", tmp_path], check=True, cwd=ROOT)
    fresh, kept = generated(tmp_path / "steelyard" / "v1"), generated(GENERATED)
    assert sorted(fresh) == sorted(kept)
    assert [name for name in fresh if fresh[name] != kept[name]] == []


def test_every_method_has_an_authorisation_row_and_no_row_is_stale() -> None:
    services = [
        service
        for module in (coordinator_pb2, node_pb2, peer_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
    ]
    methods = [f"/{service.full_name}/{method.name}" for service in services for method in service.methods]
    rows = [*coordinator.authorisation.RULES, *node.authorisation.ROLES]
    assert sorted(rows) == sorted(methods)
    assert all(
        roles for rules in (coordinator.authorisation.RULES, node.authorisation.ROLES) for roles in rules.values()
    )


def test_every_proto_has_generated_code() -> None:
    protos = {path.stem for path in (ROOT / "protos" / "steelyard" / "v1").glob("*.proto")}
    assert {path.stem.removesuffix("_pb2") for path in GENERATED.glob("*_pb2.py")} == protos
