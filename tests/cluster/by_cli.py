"""A consortium that is reached by the command line, as its users reach it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from tests.cluster.runner import Answer, Facts, Outcome, Runner


class CliRunner(Runner):
    """A runner whose consortium is reached by the command line, as its users do."""

    @abstractmethod
    def steelyard(self, *arguments: str, timeout: float = 120) -> Outcome:
        """The command line of a requester."""

    @abstractmethod
    def owner(self, party: str, *arguments: str) -> Outcome:
        """The command line of a party's owner."""

    def requester(self, *arguments: str, timeout: float = 120) -> Outcome:
        return self.steelyard(*arguments, timeout=timeout)

    def ask(self, function: str, column: str, *, timeout: float = 120, **asked: Any) -> Answer:
        for name, value in asked.pop("options", {}).items():
            asked |= {f"no_{name}": True} if value is False else {name: value}
        more = [str(asked.pop(name)) for name in ("limit", "other") if name in asked]
        place = [] if function in ("ratio", "benchmark") else [column]  # these are about a dataset of a fixed name
        if function == "train":
            dataset, _, asked["target"] = column.partition(".")
            place, asked = [dataset], asked | _learnt(asked.pop("features"))
        arguments = [function, *place, *more, "--timeout", str(timeout), *_flags(asked)]
        return Answer.of(self.steelyard(*arguments, "--json", timeout=timeout + 30))

    def keep(self, function: str, name: str, **options: Any) -> Answer:
        words = {
            "share": ["share", str(options.get("column", "")), "--name", name],
            "refresh": ["refresh", name],
            "recover": ["recover", str(options.get("party", "")), "--name", name],
            "audit": ["audit", name],
            "forget": ["sharing", "forget", name, "--yes"],
        }
        outcome = self.steelyard(*words[function], "--json", timeout=180)
        return Answer.of(outcome._replace(out=outcome.out.partition("\n")[0]))  # a recovery is followed by a refresh

    def sharings(self) -> list[Facts]:
        found: list[Facts] = Answer.of(self.steelyard("sharing", "list", "--json")).data
        return found

    def computations(self) -> list[Facts]:
        found: list[Facts] = Answer.of(self.steelyard("computation", "list", "--json")).data
        return found

    def show(self, computation: str) -> Answer:
        return Answer.of(self.steelyard("computation", "show", computation, "--json"))

    def waiting(self, party: str) -> list[Facts]:
        found: list[Facts] = Answer.of(self.owner(party, "computation", "pending", "--party", party, "--json")).data
        return found

    def decide(self, party: str, computation: str, *, approve: bool) -> Answer:
        word = "approve" if approve else "refuse"
        return Answer.of(self.owner(party, "computation", word, computation, "--party", party, "--json"))

    def models(self, party: str) -> dict[str, str]:
        found: list[Facts] = Answer.of(self.owner(party, "model", "list", "--party", party, "--json")).data
        return {each["name"]: each["hash"] for each in found}

    def recall(self, party: str, model: str) -> str:
        return str(Answer.of(self.owner(party, "model", "recall", model, "--party", party, "--json")).data["hash"])

    def audit(self, party: str) -> Facts:
        found: Facts = Answer.of(self.owner(party, "audit", "show", "--party", party, "--limit", "1000", "--json")).data
        return found


def _learnt(features: list[Facts]) -> dict[str, Any]:
    """Features as the command line names them."""
    limits = [f"{each['name']}={each['low']}:{each['high']}" for each in features]
    return {"features": [each["name"] for each in features], "limits": limits}


def _flags(asked: dict[str, Any]) -> list[str]:
    flags: list[str] = []
    for name, value in asked.items():
        flag = {"length": "--vector"}.get(name, f"--{name.replace('_', '-')}")
        if isinstance(value, bool):
            flags += [flag] if value else []
        else:
            flags += [flag, ",".join(value) if isinstance(value, list | tuple) else str(value)]
    return flags
