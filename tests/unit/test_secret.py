from __future__ import annotations

import copy

import pytest

from steelyard.errors import Invalid
from steelyard.secret import REVEAL, Reveal, Secret


def test_a_secret_prints_as_a_placeholder_everywhere() -> None:
    secret = Secret("17500")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>20}", f"{secret!r}", str([secret]), "%s" % secret]  # noqa: UP031
    assert not any("17500" in text for text in shown)
    assert repr(secret) == "<secret>"


def test_only_the_token_reveals() -> None:
    secret = Secret(17500)
    assert secret.reveal(REVEAL) == 17500
    for pretender in (Reveal(), None, True):
        with pytest.raises(Invalid):
            secret.reveal(pretender)  # type: ignore[arg-type]


def test_secrets_are_not_compared_hashed_or_serialised() -> None:
    secret = Secret(1)
    with pytest.raises(Invalid):
        _ = secret == Secret(1)
    with pytest.raises(TypeError):
        hash(secret)
    for act in (copy.copy, copy.deepcopy):  # they go the way pickle goes
        with pytest.raises(Invalid):
            act(secret)


def test_a_secret_has_no_attributes_to_browse() -> None:
    with pytest.raises(TypeError):
        vars(Secret(1))
