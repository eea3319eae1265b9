"""Rules of the house that no linter knows; prints what breaks them and exits with 1.

- only `isoflop._engine` imports the binary `isoflop._core`;
- at import the package loads numpy and narwhals only (others are imported inside functions);
- no `target-cpu` or `target-feature` flags, no `panic = "abort"`: one baseline build, levels at run time;
- `unsafe` only in `rust/core/src/simd/` and in the borrow of `predict`;
- no file is longer than 600 lines; no path of somebody's machine is in any file.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "isoflop"
AT_IMPORT = {"numpy", "narwhals", "isoflop"} | set(sys.stdlib_module_names)
MAY_BE_UNSAFE = ("rust/core/src/simd/", "rust/py/predict.rs")
BUILD_FILES = (
    "Cargo.toml",
    "rust/*/Cargo.toml",
    "pyproject.toml",
    "Makefile",
    ".cargo/*",
    ".ci/*.sh",
    ".ci/run",
)
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:root|home|work|Users)/\w")
MAX_LINES = 600


def imports(tree: ast.AST, *, late: bool) -> Iterator[tuple[int, str]]:
    """Yield (line, module) of imports; those inside functions and under TYPE_CHECKING only if `late`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, ["isoflop" if node.level else "", node.module]))
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif late or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if not late and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                continue
            yield from imports(node, late=late)


def python_rules() -> Iterator[str]:
    """Yield what breaks the rules about imports."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name, tree = path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))
        for line, module in imports(tree, late=True):
            if "_core" in module.split(".") and path.name != "_engine.py":
                yield f"{name}:{line}: imports {module}, only _engine.py may"
        for line, module in imports(tree, late=False):
            if module.split(".")[0] not in AT_IMPORT:
                yield f"{name}:{line}: {module} is loaded at import, move it into the function that needs it"


def text_rules() -> Iterator[str]:
    """Yield what breaks the rules about builds, `unsafe`, lengths and paths."""
    for pattern in BUILD_FILES:
        for path in ROOT.glob(pattern):
            if re.search(r"target-(cpu|feature)|panic\s*=\s*.abort", path.read_text(encoding="utf-8")):
                yield f"{path.relative_to(ROOT)}: forces a CPU or aborts on panic"
    for path in sorted((ROOT / "rust").rglob("*.rs")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(MAY_BE_UNSAFE):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if re.search(r"\bunsafe\s*(\{|fn|impl|extern)", line.split("//")[0]):
                    yield f"{name}:{number}: unsafe outside of simd/"
    for folder in ("rust", "python", "tests", "benches", ".ci", ".github", "docs"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".rs", ".py", ".pyi", ".sh", ".toml", ".yml", ".md"} and path != Path(__file__):
                yield from file_rules(path)


def file_rules(path: Path) -> Iterator[str]:
    """Yield what breaks the rules about one file."""
    name, lines = path.relative_to(ROOT), path.read_text(encoding="utf-8").splitlines()
    if len(lines) > MAX_LINES:
        yield f"{name}: {len(lines)} lines, at most {MAX_LINES}"
    for number, line in enumerate(lines, 1):
        if MACHINE_PATH.search(line):
            yield f"{name}:{number}: names a path of somebody's machine"


def main() -> int:
    """Print every finding; 1 if there was one."""
    found = [*python_rules(), *text_rules()]
    print("\n".join(found) if found else "check_tree: the rules of the house hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
