"""The node's schema, one numbered SQL file per step; a file that has been released never changes."""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
