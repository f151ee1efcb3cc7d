"""The first page of help, as plain text: it is shown without importing anything that takes time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

HELP: Final = """Totals, comparisons, ratios, models and set-off over the data of several
organisations, and nobody sees anybody's data.

Try it:
  steelyard local up --dir d --parties 4 --threshold 2 --data examples/balances
  steelyard --profile d sum accounts.balance --where "segment = 'retail'"
  steelyard local down --dir d
"""

EPILOGUE: Final = """Every command takes --profile DIR, before or after its name; otherwise
STEELYARD_PROFILE says where the profile is. Data go to stdout, everything else
to stderr. Exit codes: 0 done, 1 defect, 2 usage, 3 not found, 4 refused,
5 unreachable or timed out, 6 cheating detected, 7 authentication, 8 conflict.
"""

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "sum": ("clients.cli.ask:sum_column", "The sum of a column over all parties."),
    "count": ("clients.cli.ask:count_column", "The number of rows with a value in a column."),
    "mean": ("clients.cli.ask:mean_column", "The mean of a column over all parties."),
    "exceeds": ("clients.cli.ask:exceeds_column", "Whether a sum is greater than a limit; the sum stays hidden."),
    "stats": ("clients.cli.stats:stats_column", "Mean, spread, extremes, median and quantiles of a column."),
    "histogram": ("clients.cli.stats:histogram_column", "How many rows lie in each bin of a column."),
    "hhi": ("clients.cli.relate:hhi_column", "How concentrated a sum is among the parties."),
    "correlate": ("clients.cli.relate:correlate_columns", "The correlation of two columns over all rows."),
    "regress": ("clients.cli.relate:regress_column", "Least squares of a column on others."),
    "compare": ("clients.cli.compare:compare_totals", "Which of two sums is greater; both stay hidden."),
    "top": ("clients.cli.top:top_of_column", "The parties or groups with the largest sums, in order."),
    "auction": ("clients.cli.auction:app", "Clear a market of sealed bids and asks; only the price comes out."),
    "setoff": ("clients.cli.setoff:app", "Cancel circles of debts between firms; nobody sees an invoice."),
    "netting": ("clients.cli.netting:app", "Banks' queued payments settled against each other, in secret."),
    "share": ("clients.cli.sharing:share_columns", "Leave columns with the nodes in shares, as @NAME."),
    "refresh": ("clients.cli.sharing:refresh_sharing", "Renew all shares of a sharing."),
    "recover": ("clients.cli.sharing:recover_share", "Give a node its lost shares back."),
    "reshare": ("clients.cli.sharing:reshare_sharing", "Move a sharing to other holders or another threshold."),
    "sharing": ("clients.cli.sharing:app", "What is left with the nodes in shares; forgetting it."),
    "ratio": ("clients.cli.ratio:ratios_of_statements", "Financial ratios of encrypted statements."),
    "score": ("clients.cli.score:score_statements", "Scores of encrypted statements by your own, hidden weights."),
    "benchmark": ("clients.cli.score:benchmark_firm", "How far a firm's ratio is from the mean of its peers."),
    "train": ("clients.cli.train:train_model", "Train a model on all parties' rows; only sums are ever formed."),
    "model": ("clients.cli.model:app", "The models that your node keeps; exporting and deleting them."),
    "predict": ("clients.cli.predict:predict_rows", "What a model says of the rows of a file, on this machine."),
    "contribute": ("clients.cli.contribute:contribute", "Seal a firm's table for the nodes: a party without a node."),
    "contribution": ("clients.cli.contribution:app", "Contributions that you sponsor, and who has taken them."),
    "contributor": ("clients.cli.contributor:app", "Register firms that contribute without a node."),
    "computation": ("clients.cli.computation:app", "Look at, follow, cancel, approve and refuse computations."),
    "party": ("clients.cli.party:app", "The parties of the consortium and what they describe."),
    "data": ("clients.cli.data:app", "Import, list, show and delete your own data at your own node."),
    "vault": ("clients.cli.vault:app", "What your node keeps sealed, under which keys; new keys."),
    "audit": ("clients.cli.audit:app", "Your node's audit log; whether a sharing's shares belong together."),
    "ledger": ("clients.cli.ledger:app", "What your node has released, and the privacy budget left."),
    "local": ("clients.cli.local:app", "A whole consortium on this machine, to try things with."),
    "pki": ("clients.cli.pki:app", "Certificates and keys, enrolment, renewal."),
    "manifest": ("clients.cli.manifest:app", "The signed document that says who belongs to the consortium."),
    "doctor": ("clients.cli.doctor:doctor", "Explain what is wrong with keys, certificates, clock or connections."),
    "version": ("clients.cli.version:version", "The versions of what is installed."),
}

HEADINGS: Final = {  # before these commands
    "sum": "Ask about everybody's data",
    "setoff": "Settle debts and payments",
    "share": "Leave data with the nodes in shares",
    "ratio": "Statements that stay encrypted",
    "train": "Models that parties train together",
    "contribute": "Firms without a node",
    "computation": "Owners and requesters",
    "local": "Set up and look after",
}


def is_wanted(arguments: Sequence[str]) -> bool:
    """True for `steelyard`, `steelyard --help` and `steelyard -h`."""
    return list(arguments) in ([], ["--help"], ["-h"])


def front_page() -> str:
    width = max(len(name) for name in COMMANDS)
    lines = (f"{_heading(name)}  {name:{width}}  {summary}" for name, (_, summary) in COMMANDS.items())
    commands = "\n".join(lines)
    return (
        f"Usage: steelyard COMMAND [OPTIONS]\n\n{HELP}\nCommands, each with its own --help:\n{commands}\n\n{EPILOGUE}"
    )


def _heading(name: str) -> str:
    return f"\n{HEADINGS[name]}:\n" if name in HEADINGS else ""
