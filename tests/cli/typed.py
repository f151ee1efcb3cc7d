"""Commands typed in this process: as real as in one of their own, without the seconds that one takes to start."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import warnings
from pathlib import Path

import structlog

from clients.cli.__main__ import run
from tests.cli.test_end_to_end import Ended


class Typist:
    """Somebody in a directory of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def types(self, line: str) -> Ended:
        out, err, before = io.StringIO(), io.StringIO(), structlog.get_config()
        here = Path.cwd()
        os.chdir(self.folder)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
                code = run(shlex.split(line))
        finally:
            os.chdir(here)
            structlog.configure(**before)
        return Ended(code, out.getvalue(), err.getvalue())
