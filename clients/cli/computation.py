"""`steelyard computation`: what was asked, how it stands, and the owners' decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from clients.cli.ask import describe_progress, show_result
from clients.cli.invocation import open_client, open_owners
from clients.cli.options import DEFAULT_TIMEOUT, Id, Json, Party, Timeout
from clients.cli.output import emit, note, progress
from clients.cli.times import time_of
from steelyard.errors import Conflict

if TYPE_CHECKING:
    from clients.sdk.owner import Owner
    from clients.sdk.records import OwnerRequest
    from clients.sdk.results import Computation, Result

app = App(
    name="computation",
    help="""Look at, follow, cancel, approve and refuse computations.

What did I ask?      `steelyard computation list`

How does one stand?  `steelyard computation show ID`

What waits for me?   `steelyard computation pending`, then `steelyard computation approve ID`
""",
)

Partial = Annotated[
    bool, Parameter(negative="", help="Compute although some of the called have not answered, and call them missing.")
]
Limit = Annotated[int, Parameter(help="At most this many.")]


@app.command(name="list")
def list_computations(*, limit: Limit = 100, json: Json = False) -> None:
    """Lists your computations, newest first.

    Example: `steelyard computation list --json`
    """
    with open_client() as client:
        found = client.list(limit)
    emit([each.to_json() for each in found] if json else [_row(each) for each in found], json=json)
    if not found:
        note("There are none yet.")


@app.command
def show(id: Id, *, json: Json = False) -> None:
    """Shows state, parties, what becomes known to whom and, once it is done, the result.

    Example: `steelyard computation show 5eed5eed5eed5eed5eed5eed5eed5eed`
    """
    with open_client() as client:
        computation = client.get(id)
        leakage = client.desk.leakage(computation.asked) if computation.asked else ()
        result = client.results(id) if computation.state == "DONE" else None
    shown = computation.to_json() | {"leakage": [each.to_json() for each in leakage]}
    if json:
        emit(shown | {"result": result.to_json()["result"] if result else None, **_proof(result)}, json=True)
        return
    emit(_row(computation), json=False)
    emit([each.to_json() for each in computation.parties], json=False)
    if computation.problem:
        note(f"{computation.problem.reason}: {computation.problem.message}")
    if result:
        show_result(result, json=False)
    else:
        note("This reveals, if it is done:")
        for leak in leakage:
            note(f"  {leak.what} -> {leak.to}")


@app.command
def start(
    call: Annotated[Path, Parameter(help="The file that `--call` wrote.")],
    *,
    partial: Partial = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    json: Json = False,
) -> None:
    """Computes what was called for, over the answers that firms without a node have given.

    It can be started again until there is a result; then the nodes forget the answers, and refuse another computation.
    So nothing is computed while an answer is lacking, unless you say `--partial`. You see answers of firms that you
    sponsor; where others do, ask them (`steelyard contribution list`).

    Example: `steelyard computation start firm-x.call --json`
    """
    from clients.sdk.calls import load

    signed = load(call)
    with open_client() as client, progress("asking the parties") as report:
        if not partial and (lacking := client.unanswered(signed)):
            raise Conflict(
                f"no answer is known here, at all nodes, of: {', '.join(lacking)}. The first result ends the call: see "
                "`steelyard contribution list`, or compute it with --partial from the answers that there are"
            )
        result = client.run(signed, timeout, lambda computation: report(describe_progress(computation)))
    show_result(result, json=json)


@app.command
def watch(id: Id, *, timeout: Timeout = DEFAULT_TIMEOUT, json: Json = False) -> None:
    """Follows a computation to its end; exits as `sum` would.  With --json it prints one line for each change.

    Example: `steelyard computation watch 5eed5eed5eed5eed5eed5eed5eed5eed`
    """
    with open_client() as client:
        computation = client.get(id)
        for computation in client.watch(id, timeout):
            emit(computation.to_json() if json else describe_progress(computation), json=json)
    if computation.problem and computation.state != "DONE":
        raise computation.problem.error()


@app.command
def cancel(id: Id, *, json: Json = False) -> None:
    """Ends a computation of yours that has not ended.

    Example: `steelyard computation cancel 5eed5eed5eed5eed5eed5eed5eed5eed`
    """
    with open_client() as client:
        computation = client.cancel(id)
    emit(computation.to_json() if json else _row(computation), json=json)


@app.command
def pending(*, party: Party = "", json: Json = False) -> None:
    """Lists the requests that wait for your decision as an owner, and what each would reveal.

    Example: `steelyard computation pending --party bank-a`
    """
    with _owners(party) as owners:
        found = [(owner.party, request) for owner in owners for request in owner.requests(pending_only=True)]
    if json:
        emit([{"party": name, **request.to_json()} for name, request in found], json=True)
        return
    for name, request in found:
        emit(_request_row(name, request), json=False)
    note(f"{len(found)} wait: steelyard computation approve ID, or refuse ID." if found else "Nothing waits for you.")


@app.command
def approve(id: Id, *, party: Party = "", json: Json = False) -> None:
    """Lets your node take part in a computation that waits for you.

    Example: `steelyard computation approve 5eed5eed5eed5eed5eed5eed5eed5eed --party bank-a`
    """
    _decide(id, party, lambda owner: owner.approve(id), json)


@app.command
def refuse(id: Id, *, party: Party = "", json: Json = False) -> None:
    """Keeps your node out of a computation that waits for you; it then ends for everybody.

    Example: `steelyard computation refuse 5eed5eed5eed5eed5eed5eed5eed5eed --party bank-a`
    """
    _decide(id, party, lambda owner: owner.refuse(id), json)


@contextmanager
def _owners(party: str) -> Iterator[list[Owner]]:
    with ExitStack() as stack:
        yield [stack.enter_context(owner) for owner in open_owners(party)]


def _decide(id: str, party: str, decide: Callable[[Owner], OwnerRequest], json: bool) -> None:
    """Decides at the party named, or at every party of this profile where the request waits."""
    with _owners(party) as owners:
        waiting = owners if party or len(owners) == 1 else [each for each in owners if _waits(each, id)]
        if not waiting:
            raise Conflict(f"computation {id} waits for none of the parties that this profile owns")
        decided = [{"party": owner.party, **decide(owner).to_json()} for owner in waiting]
    emit(decided if json else [{"party": each["party"], "decision": each["decision"]} for each in decided], json=json)


def _waits(owner: Owner, id: str) -> bool:
    return any(request.id == id for request in owner.requests(pending_only=True))


def _proof(result: Result | None) -> dict[str, Any]:
    """What a result says besides its figures; the parties' progress keeps its place."""
    if result is None:
        return {}
    shown = result.to_json()
    return {
        key: shown[key] for key in ("dataset", "column", "where", "missing", "verified", "culprits", "rejected")
    } | {"contributors": shown["parties"]}


def _row(computation: Computation) -> dict[str, Any]:
    asked = computation.asked
    arguments = asked.arguments if asked else {}
    return {
        "id": computation.id,
        "state": computation.state,
        "function": asked.function if asked else "(not signed by you)",
        "column": _columns(arguments) if asked else "",
        "where": arguments.get("where", ""),
        "created": time_of(computation.created_ms),
    }


def _request_row(party: str, request: OwnerRequest) -> dict[str, Any]:
    asked, arguments = request.asked, request.asked.arguments
    return {
        "party": party,
        "id": request.id,
        "requester": asked.requester,
        "asks": f"{asked.function} of {_columns(arguments)}",
        "where": arguments.get("where", ""),
        "purpose": asked.purpose,
        "expires": time_of(asked.expires_ms),
        "reveals": "\n".join(f"{leak.what} -> {leak.to}" for leak in request.leakage),
    }


def _columns(arguments: Mapping[str, Any]) -> str:
    """Dataset and columns that are asked about; some functions take several."""
    names = (arguments.get("column"), arguments.get("other"), *arguments.get("on", ()))
    return f"{arguments.get('dataset')}.{','.join(str(each) for each in names if each)}"
