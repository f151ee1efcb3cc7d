"""Opens the node's vault with the key-encryption key that its configuration names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from node.config import VaultConfig
from steelyard.errors import StoreFault
from steelyard.ids import PartyId
from steelyard.storage.database import Database
from steelyard.storage.files import private_bytes, private_folder
from steelyard.vault.aws_kms import KeyService
from steelyard.vault.key_file import open_key_file
from steelyard.vault.passphrase import open_passphrase
from steelyard.vault.provider import Provider
from steelyard.vault.unit import Unit
from steelyard.vault.vault import Vault

OWN: Final = Unit("node", "own", "1")  # the node's small secrets: noise, what its digests are keyed with


def open_vault(config: VaultConfig, party: PartyId, database: Database, folder: Path) -> Vault:
    """Raises StoreFault for everything that makes key and store no pair."""
    fresh = database.one("SELECT 1 FROM vault_key LIMIT 1") is None  # only then may a missing key be made
    keys = Path(config.folder)
    if not keys.exists():
        private_folder(keys)
    provider = _provider(config, keys, make=fresh)
    return Vault(party, database, folder, provider, keys / "vault.mark", codec=config.codec)


def _provider(config: VaultConfig, keys: Path, *, make: bool) -> Provider:
    match config.provider:
        case "file":
            return open_key_file(keys / "vault.key", make=make)
        case "passphrase":
            return open_passphrase(keys / "vault.passphrase", _passphrase(config), make=make)
        case "aws-kms":
            return KeyService(config.aws_key, region=config.aws_region, endpoint=config.aws_endpoint)


def _passphrase(config: VaultConfig) -> bytes:
    if config.passphrase_file:
        return private_bytes(Path(config.passphrase_file)).strip()
    value = os.environ.get(config.passphrase_env)
    if value is None:
        raise StoreFault.because(f"the environment variable {config.passphrase_env} with the passphrase is not set")
    return value.strip().encode()
