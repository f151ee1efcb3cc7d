"""`python -m steelyard.warm`: imports every kernel, so that numba compiles and caches it before anybody waits."""

from __future__ import annotations

import importlib
import pkgutil

import steelyard


def main() -> None:
    """Imports the whole library; kernels have explicit signatures, so importing them compiles them."""
    for module in pkgutil.walk_packages(steelyard.__path__, "steelyard."):
        if not module.name.endswith((".warm", ".probe")):
            importlib.import_module(module.name)


if __name__ == "__main__":
    main()
