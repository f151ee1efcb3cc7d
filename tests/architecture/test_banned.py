"""What has no place in the tree: validation that vanishes, randomness that repeats, paths and hosts of one machine."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from architecture.source import PROGRAMS, ROOT, modules, name, parsed, texts

CHECKED = (*PROGRAMS, "scripts")
BANNED = {"random", "pickle", "marshal", "shelve", "numpy.random"}

# Every address in the tree is one of these: a licence, a project cited, this machine, a name that resolves nowhere.
KNOWN_HOSTS = re.compile(
    r"(www\.apache\.org|github\.com|keepachangelog\.com|semver\.org|localhost|127\.0\.0\.1|.*\.example|[a-z]+)"
)
ADDRESS = re.compile(r"\b(?:https?|spiffe|git|ssh|ftp)://([A-Za-z0-9.-]+)")
HOME = re.compile(r"(?<![\w.$}-])/(?:home|Users|root)/\w")
FETCHING = re.compile(r"--(?:extra-)?index-url|--trusted-host|--find-links|\bindex-url\b|\bPIP_INDEX_URL\b")


def imported(tree: ast.Module) -> set[str]:
    found = set()
    for each in ast.walk(tree):
        if isinstance(each, ast.Import):
            found |= {alias.name for alias in each.names}
        elif isinstance(each, ast.ImportFrom) and each.module and not each.level:
            found |= {each.module, *(f"{each.module}.{alias.name}" for alias in each.names)}
    return found


def uses(tree: ast.Module, dotted: str) -> bool:
    return any(isinstance(each, ast.Attribute) and ast.unparse(each) == dotted for each in ast.walk(tree))


def test_no_assert_validates_anything() -> None:
    found = [path for path in modules(*CHECKED) if any(isinstance(each, ast.Assert) for each in ast.walk(parsed(path)))]
    assert list(map(name, found)) == []


def test_no_randomness_that_repeats_and_no_pickle() -> None:
    found = {name(path): banned for path in modules(*CHECKED) if (banned := imported(parsed(path)) & BANNED)}
    assert found == {}
    assert [name(path) for path in modules(*CHECKED) if uses(parsed(path), "np.random")] == []


def test_nothing_evaluates_text() -> None:
    calls = [
        f"{name(path)}:{each.lineno}"
        for path in modules(*CHECKED)
        for each in ast.walk(parsed(path))
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id in ("eval", "exec")
    ]
    assert calls == []


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    mine = Path(__file__)
    return [
        f"{name(path)}:{number}: {line.strip()[:100]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if path != mine and pattern.search(line)
    ]


def test_no_path_of_one_machine_is_written_down() -> None:
    here = re.compile(rf"(?<![\w.]){re.escape(str(ROOT))}(?![\w-])")
    assert lines_with(HOME) == []
    assert ROOT.parent == Path(ROOT.anchor) or lines_with(here) == []


def test_every_address_in_the_tree_is_a_known_one() -> None:
    hosts = {host: name(path) for path, text in texts() for host in ADDRESS.findall(text)}
    assert {host: path for host, path in hosts.items() if not KNOWN_HOSTS.fullmatch(host)} == {}


def test_nothing_says_where_packages_come_from() -> None:
    assert lines_with(FETCHING) == []


def test_no_key_and_no_certificate_is_committed() -> None:
    marked = lines_with(re.compile(r"^-----BEGIN [A-Z ]+-----$"))
    assert marked == []
    assert [name(path) for path, _ in texts() if path.suffix in (".key", ".pem", ".csr", ".p12")] == []


def addresses_taken_of_own_arrays(function: ast.FunctionDef) -> set[str]:
    """Arrays that a kernel makes itself and takes the address of: numba frees them before the address is used."""
    made = {
        target.id
        for each in ast.walk(function)
        if isinstance(each, ast.Assign) and ast.unparse(each.value).startswith("np.")
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    taken = {ast.unparse(each.value.value) for each in ast.walk(function) if _is_address(each)}  # type: ignore[attr-defined]
    return made & taken


def _is_address(each: ast.AST) -> bool:
    return isinstance(each, ast.Attribute) and each.attr == "data" and ast.unparse(each.value).endswith(".ctypes")


def test_no_kernel_takes_the_address_of_an_array_that_it_made() -> None:
    """One did, and read what other threads had put there meanwhile."""
    for kernels in ("field_kernels", "bit_kernels"):
        tree = parsed(ROOT / "steelyard" / f"{kernels}.py")
        functions = [each for each in tree.body if isinstance(each, ast.FunctionDef)]
        assert functions
        assert [each.name for each in functions if addresses_taken_of_own_arrays(each)] == []
    bad = ast.parse("def f():\n    zeros = np.zeros(4)\n    return zeros.ctypes.data").body[0]
    assert isinstance(bad, ast.FunctionDef)
    assert addresses_taken_of_own_arrays(bad) == {"zeros"}
