"""The command tree.  Every command is a module that is imported only when it is called."""

from __future__ import annotations

from cyclopts import App, Parameter

from clients.cli.front_page import COMMANDS, EPILOGUE, HELP
from steelyard import __version__


def make_app(command: str = "") -> App:
    """The root, for a call of `command`, which then shows its own help instead of its line in the list."""
    app = App(
        name="steelyard",
        help=HELP,
        help_epilogue=EPILOGUE,
        version=__version__,
        suppress_keyboard_interrupt=False,  # the entry point decides what Ctrl-C means
        default_parameter=Parameter(negative="", show_default=False),
    )
    for name, (path, summary) in COMMANDS.items():
        app.command(path, name=name, help=None if name == command else summary)
    return app
