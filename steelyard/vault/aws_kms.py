"""A KEK that never leaves AWS KMS; needs the extra `aws` (boto3), which is loaded only here.

A version is a key's ARN.  To rotate, name an alias: this makes a new key and moves the alias to it, or finds that
somebody did.  No key is ever disabled or deleted from here: whoever administers the account does that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final, TypeVar

from steelyard.digest import digest
from steelyard.errors import Failed, Invalid, StoreFault
from steelyard.vault.provider import Context, Health, Wrapped

if TYPE_CHECKING:
    from types import ModuleType

T = TypeVar("T")
_ALIAS: Final = "alias/"
_SECONDS: Final = 10
_FIXED: Final = (
    "node.toml names no alias of the key service, so no new key is made when shares are erased, and a backup opens them"
    " again: name an alias"
)
_WRONG: Final = {"InvalidCiphertextException", "IncorrectKeyException"}


class KeyService:
    """`key` is an ARN, an id or `alias/...`; credentials come from where boto3 always looks for them."""

    def __init__(self, key: str, *, region: str = "", endpoint: str = "") -> None:
        """Raises StoreFault when boto3 is not installed; the service is called later."""
        config = _loaded("botocore.config").Config(connect_timeout=_SECONDS, read_timeout=_SECONDS)
        self._kms: Any = _loaded("boto3").client(
            "kms", region_name=region or None, endpoint_url=endpoint or None, config=config
        )
        self._errors = _loaded("botocore.exceptions")
        self._key = key

    def wrap(self, key: bytes, context: Context) -> Wrapped:
        version = self._current()
        answer = self._call(
            lambda: self._kms.encrypt(KeyId=version, Plaintext=key, EncryptionContext=_bound(context, version))
        )
        return Wrapped(version, answer["CiphertextBlob"])

    def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        answer = self._call(
            lambda: self._kms.decrypt(
                KeyId=wrapped.version,
                CiphertextBlob=wrapped.key,
                EncryptionContext=_bound(context, wrapped.version),
            )
        )
        return bytes(answer["Plaintext"])

    def rotate(self, old: Collection[str]) -> str:
        current = self._current()
        if current not in old:
            return current
        if not self._key.startswith(_ALIAS):
            raise Invalid("make a new key in the key service, name it in node.toml, restart the node, and rotate then")
        made = self._call(lambda: self._kms.create_key(Description="steelyard vault"))["KeyMetadata"]["Arn"]
        self._call(lambda: self._kms.update_alias(AliasName=self._key, TargetKeyId=made))
        return str(made)

    def health(self) -> Health:
        current = self._current()
        return Health(current, frozenset({current}), "" if self._key.startswith(_ALIAS) else _FIXED)

    def _current(self) -> str:
        found = self._call(lambda: self._kms.describe_key(KeyId=self._key))["KeyMetadata"]
        if found["KeyState"] != "Enabled":
            raise StoreFault.because(f"the key service has the key {self._key}, but in the state {found['KeyState']}")
        return str(found["Arn"])

    def _call(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except self._errors.ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _WRONG:
                raise StoreFault.because(
                    "a wrapped key is damaged, or was made for another unit, node or key"
                ) from None
            raise StoreFault.because(
                f"the key service refused ({code}): check the key's name, state and policy"
            ) from None
        except self._errors.BotoCoreError as error:
            raise Failed(
                f"the key service cannot be called ({type(error).__name__}): check network and login"
            ) from None


def _bound(context: Context, version: str) -> dict[str, str]:
    """The service logs this in clear, so of a unit it hears only a digest."""
    return {"node": context.node, "unit": digest("vault-unit", context.unit.encode()).hex(), "key": version}


def _loaded(module: str) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError:
        raise StoreFault.because(
            "the provider aws-kms needs boto3: install steelyard[aws], or choose another one"
        ) from None
