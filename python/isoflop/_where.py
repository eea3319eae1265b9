"""The row filter of the shell: `"outlier_epoch == 0 and N > 1e8"`, read as data and never executed.

Python's own parser makes the tree, a short list of nodes is understood, everything else is refused
with its position. A comparison with a missing value is neither true nor false; such rows drop out.
"""

from __future__ import annotations

import ast
import operator
import re
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, cast

import numpy as np

from ._errors import DataError, compose, with_caret

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LENGTH = 10_000
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]+`")
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.Mod: operator.mod, ast.FloorDiv: operator.floordiv,
}  # fmt: skip


class Value(NamedTuple):
    """A column or constant: its kind (number, text, truth), its values, where they are missing."""

    kind: str
    values: np.ndarray
    missing: np.ndarray


def number(values: Any, null: np.ndarray | None = None) -> Value:
    """Wrap numbers; NaN counts as missing."""
    values = np.asarray(values, np.float64)
    return Value("number", values, np.isnan(values) if null is None else np.isnan(values) | null)


def truth(values: Any, missing: Any = False) -> Value:
    """Wrap truth values."""
    values = np.asarray(values, bool)
    return Value("truth", values, np.broadcast_to(np.asarray(missing, bool), values.shape))


def text(values: Any) -> Value:
    """Wrap text; None counts as missing."""
    values = np.asarray(values, object)
    missing = np.array([value is None for value in values.ravel()], bool).reshape(values.shape)
    return Value("text", np.where(missing, "", values), missing)


def mask(expression: str, column: Callable[[str], Value], n_rows: int) -> np.ndarray:
    """Return which rows an expression keeps.

    Parameters
    ----------
    expression : str
        Comparisons (also chained), `and`, `or`, `not`, `in (...)`, `is None`, arithmetic, numbers,
        text in quotes; columns by name, in backticks where the name is no Python name.
    column : callable
        Looks a name up; raises DataError where there is none.
    n_rows : int
        Length of the mask.

    Raises
    ------
    DataError
        With the position of what cannot be understood.

    Examples
    --------
    >>> from isoflop._where import mask, number
    >>> mask("1 < N <= 3 or not N < 9", lambda name: number([1, 2, 3, 9]), 4).tolist()
    [False, True, True, True]
    """
    source, names = _backticks(expression)
    tree = _parse(source, expression)
    with np.errstate(all="ignore"):
        try:
            result = _Reader(expression, source, names, column).truth(tree.body)
        except RecursionError:
            raise DataError("the filter is nested too deeply") from None
    return np.broadcast_to(result.values & ~result.missing, (n_rows,)).copy()


def _backticks(expression: str) -> tuple[str, dict[int, str]]:
    """Replace each `name` by a name of the same length that Python can read."""
    names: dict[int, str] = {}

    def swap(match: re.Match[str]) -> str:
        word = match.group()
        if word[0] != "`":
            return word
        names[match.start()] = word[1:-1]
        return "_" * len(word)

    flat = re.sub(r"[\r\n\t]", " ", expression)
    return _QUOTED.sub(swap, flat), names


def _parse(source: str, shown: str) -> ast.Expression:
    if not source.strip():
        raise DataError(compose("the filter is empty", 'write for example "N > 1e8"'))
    if len(source) > MAX_LENGTH:
        raise DataError(f"the filter has {len(source)} characters, at most {MAX_LENGTH} are read")
    indent = len(source) - len(source.lstrip())
    try:
        return ast.parse(source.lstrip(), mode="eval")
    except SyntaxError as error:
        position = min(max((error.offset or 1) - 1 + indent, indent), len(source))
        message = f"cannot read the filter: {error.msg.split('. ')[0].lower()}"
        raise DataError(with_caret(compose(message, _syntax_hint(source)), shown, position)) from None
    except (ValueError, MemoryError, RecursionError):
        raise DataError("cannot read the filter: too deeply nested or not text") from None


def _syntax_hint(source: str) -> str:
    if re.search(r"(?<![<>=!])=(?!=)", source):
        return "write == to compare"
    if "&&" in source or "||" in source:
        return "write and, or, not"
    return "write a comparison such as \"N > 1e8 and family == 'a'\""


class _Reader:
    """Walks the tree; one method per kind of node."""

    def __init__(self, shown: str, source: str, names: dict[int, str], column: Callable[[str], Value]) -> None:
        self.shown, self.source, self.names, self.column = shown, source, names, column

    def at(self, node: ast.expr) -> int:
        """Return the character of the expression where a node begins."""
        source = self.source.lstrip()
        before = source.encode()[: node.col_offset]  # the parser counts bytes
        return len(before.decode()) + len(self.source) - len(source)

    def fail(self, node: ast.expr, message: str, hint: str | None = None) -> NoReturn:
        """Raise with the position of a node."""
        raise DataError(with_caret(compose(message, hint), self.shown, self.at(node)))

    def read(self, node: ast.expr) -> Value:
        """Return the value of any node that is understood."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            self.fail(
                node,
                f"a filter cannot use {_describe(node)}",
                "comparisons, and, or, not, in, arithmetic, names, numbers and text are understood",
            )
        return cast("Value", method(node))

    def truth(self, node: ast.expr) -> Value:
        """Return the value of a node that must be true or false."""
        value = self.read(node)
        if value.kind != "truth":
            part = ast.get_source_segment(self.source.lstrip(), node) or "this"
            part = self.names.get(self.at(node), part)
            self.fail(node, f"{part!r} is a {value.kind}, expected a comparison", f"write {part} != 0")
        return value

    def number(self, node: ast.expr) -> Value:
        """Return the value of a node that must be numeric."""
        value = self.read(node)
        if value.kind == "text":
            self.fail(node, "cannot calculate with text")
        return _as_number(value)

    def _constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, bool):
            return truth(node.value)
        if isinstance(node.value, str):
            return text(node.value)
        if node.value is None:
            self.fail(node, "None can only be compared by is", "write 'is None' or 'is not None'")
        if not isinstance(node.value, (int, float)):
            self.fail(node, f"a filter cannot use {node.value!r}")
        try:
            return number(float(node.value))
        except OverflowError:
            self.fail(node, "the number is too large")

    def _name(self, node: ast.Name) -> Value:
        name = self.names.get(self.at(node), node.id)
        try:
            return self.column(name)
        except DataError as error:
            raise DataError(with_caret(str(error), self.shown, self.at(node))) from None

    def _boolop(self, node: ast.BoolOp) -> Value:
        parts = [self.truth(part) for part in node.values]
        decisive = isinstance(node.op, ast.Or)  # the value that settles it whatever else is missing
        settled = _any([(p.values == decisive) & ~p.missing for p in parts])
        missing = _any([p.missing for p in parts]) & ~settled
        return truth(settled if decisive else ~settled & ~missing, missing)

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        if isinstance(node.op, ast.Not):
            value = self.truth(node.operand)
            return truth(~value.values, value.missing)
        if isinstance(node.op, ast.Invert):
            self.fail(node, "a filter cannot use ~", "write not")
        value = self.number(node.operand)
        return number(-value.values if isinstance(node.op, ast.USub) else value.values)

    def _binop(self, node: ast.BinOp) -> Value:
        operation = _ARITHMETIC.get(type(node.op))
        if operation is None:
            hint = "write and, or between comparisons" if _is_bitwise(node.op) else None
            self.fail(node, "a filter cannot use this operator", hint)
        left, right = self.number(node.left), self.number(node.right)
        return number(operation(left.values, right.values), left.missing | right.missing)

    def _compare(self, node: ast.Compare) -> Value:
        operands = [node.left, *node.comparators]
        parts = []
        for left, op, right in zip(operands, node.ops, operands[1:], strict=False):
            parts.append(self._pair(left, op, right))
        false = _any([~p.values & ~p.missing for p in parts])
        missing = _any([p.missing for p in parts]) & ~false
        return truth(~false & ~missing, missing)

    def _pair(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Value:
        if isinstance(op, (ast.Is, ast.IsNot)):
            return self._is_none(left, op, right)
        if isinstance(op, (ast.In, ast.NotIn)):
            return self._in(left, op, right)
        a, b = self.read(left), self.read(right)
        if (a.kind == "text") != (b.kind == "text"):
            self.fail(left, f"cannot compare {a.kind} with {b.kind}", _quote_hint(a))
        if a.kind != "text":
            a, b = _as_number(a), _as_number(b)
        return truth(_COMPARE[type(op)](a.values, b.values), a.missing | b.missing)

    def _is_none(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Value:
        if not (isinstance(right, ast.Constant) and right.value is None):
            self.fail(right, "is can only be followed by None", "write == to compare")
        missing = self.read(left).missing
        return truth(missing if isinstance(op, ast.Is) else ~missing)

    def _in(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Value:
        if not isinstance(right, (ast.Tuple, ast.List, ast.Set)) or not right.elts:
            self.fail(right, "expected values in brackets after in", "write in ('a', 'b')")
        found = [self._pair(left, ast.Eq(), item) for item in right.elts]
        hit = _any([f.values & ~f.missing for f in found])
        missing = _any([f.missing for f in found]) & ~hit
        return truth(hit if isinstance(op, ast.In) else ~hit, missing)


def _any(masks: list[np.ndarray]) -> np.ndarray:
    result = masks[0]
    for other in masks[1:]:
        result = result | other
    return result


def _as_number(value: Value) -> Value:
    return number(value.values, value.missing)


def _is_bitwise(op: ast.operator) -> bool:
    return isinstance(op, (ast.BitAnd, ast.BitOr, ast.BitXor))


def _quote_hint(left: Value) -> str:
    return "write numbers without quotes" if left.kind != "text" else "write text in quotes"


def _describe(node: ast.expr) -> str:
    words = {
        "Call": "functions", "Attribute": "attributes", "Subscript": "square brackets",
        "Lambda": "lambda", "IfExp": "if", "NamedExpr": ":=", "Tuple": "a list outside in",
        "List": "a list outside in", "JoinedStr": "f-strings", "Starred": "*",
    }  # fmt: skip
    return words.get(type(node).__name__, f"{type(node).__name__.lower()} expressions")
