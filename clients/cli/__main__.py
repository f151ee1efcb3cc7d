"""`steelyard`: runs a command and turns what goes wrong into a sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn

from clients.cli import invocation
from clients.cli.exit_codes import INTERRUPTED, OK, UNEXPECTED
from clients.cli.front_page import COMMANDS, front_page, is_wanted
from steelyard.errors import Invalid, SteelyardError

if TYPE_CHECKING:
    from cyclopts import CycloptsError

DEBUG = "STEELYARD_DEBUG"  # set to see the traceback of a defect


def main() -> NoReturn:
    """The entry point of the installed command."""
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Runs one command in this process; its exit code, never an exception."""
    json = invocation.wants_json(arguments)
    try:
        return _called(arguments)
    except SteelyardError as error:
        _fail(error, json)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return OK
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        text = f"an unexpected {type(error).__name__}, which is a defect; `steelyard` with {DEBUG}=1 shows where"
        _fail(SteelyardError(text), json)
        return UNEXPECTED


def _fail(error: SteelyardError, json: bool) -> None:
    from clients.cli import output  # not needed for help, which is to be quick

    output.fail(error, json=json)


def _called(arguments: Sequence[str]) -> int:
    if is_wanted(arguments):
        sys.stdout.write(front_page())
        return OK
    from cyclopts import CycloptsError

    from clients.cli.app import make_app

    called = invocation.read(arguments)
    app = make_app(called.command)
    with called.active():
        try:
            # A command returns nothing: what it says, it says through `output`.
            app(called.arguments, exit_on_error=False, print_error=False, result_action="return_value")
        except CycloptsError as error:
            raise Invalid(_sentence(error, called.command)) from None
    return OK


def _sentence(error: CycloptsError, command: str) -> str:
    """What is wrong, on one line, and where to read on."""
    from cyclopts import UnknownCommandError

    known = f"{command} " if command in COMMANDS else ""
    if isinstance(error, UnknownCommandError) and error.app and error.unused_tokens:
        names = [name for name in error.app if not name.startswith("-")]
        return f"{_unknown(error.unused_tokens[0], names)} `steelyard {known}--help` lists all commands"
    return f"{' '.join(str(error).split()).rstrip('., ')}; see `steelyard {known}--help`"


def _unknown(command: str, names: Sequence[str]) -> str:
    near = " or ".join(get_close_matches(command, names))
    return f"there is no command {command[:60]!r}{f', did you mean {near}?' if near else ';'}"


if __name__ == "__main__":
    main()
