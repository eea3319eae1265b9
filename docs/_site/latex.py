"""Formulas of laws as LaTeX: Python's own grammar reads them, one small function per kind of node writes them."""

from __future__ import annotations

import ast
import re

WORDS = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega
    Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"""
GREEK = frozenset(WORDS.split())
#: Names whose letter is another word: LaTeX writes eps as epsilon, and Python has no name `lambda`.
LETTERS = {"eps": r"\varepsilon", "lam": r"\lambda", "lambda_": r"\lambda"}
NAMED = {"exp", "log", "min", "max", "sin", "cos"}
SPELLED = {"atan": r"\arctan", "log10": r"\log_{10}", "logsumexp": r"\operatorname{LSE}", "log": r"\ln"}
#: How tightly an operator binds its operands.
BINDING = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Div: 3, ast.Pow: 5}
ATOM, SIGN = 6, 2


def name(text: str) -> str:
    r"""Return a name as a symbol: Greek by its word, what follows an underscore or a digit below the line.

    Examples
    --------
    >>> name("alpha"), name("N_opt"), name("c12"), name("E_0")
    ('\\alpha', 'N_{\\mathrm{opt}}', 'c_{12}', 'E_{0}')
    """
    if text in LETTERS:
        return LETTERS[text]
    if text.endswith("_star"):
        return f"{name(text.removesuffix('_star'))}^{{*}}"
    split = re.fullmatch(r"([A-Za-z]+?)(?:_(\w+)|(\d+))", text)
    head, below = (text, "") if not split else (split[1], split[2] or split[3])
    if min(len(head), len(below)) > 3 and head not in GREEK:
        return rf"\mathrm{{{text.replace('_', chr(92) + ' ')}}}"  # words, not a letter with an index
    shown = LETTERS.get(head, f"\\{head}" if head in GREEK else head if len(head) == 1 else rf"\mathrm{{{head}}}")
    return shown + (f"_{{{_below(below)}}}" if below else "")


def _below(text: str) -> str:
    """Return what stands below the line: letters of a word upright, its parts with commas between."""
    parts = []
    for part in text.strip("_").split("_"):
        symbol = part in GREEK or part in LETTERS or len(part) == 1
        parts.append(name(part) if symbol else part if part.isdigit() else rf"\mathrm{{{part}}}")
    return ",".join(parts)


def formula(text: str) -> str:
    r"""Return a formula as LaTeX.

    Examples
    --------
    >>> print(formula("E + A / N**alpha + B / D**beta"))
    E + \frac{A}{N^{\alpha}} + \frac{B}{D^{\beta}}
    >>> print(formula("(a + b * X)**-c"))
    \left(a + b\,X\right)^{-c}
    >>> print(formula("E[family] * sqrt(1 - x)"))
    E_{\mathrm{family}}\,\sqrt{1 - x}
    """
    readable = re.sub(r"\blambda\b", "lambda_", text.strip())  # a word of Python's own
    return _write(ast.parse(readable, mode="eval").body)[0]


def _write(node: ast.expr) -> tuple[str, int]:
    """Return LaTeX of a node and how tightly its outermost operator binds."""
    if isinstance(node, ast.BinOp):
        return _binary(node)
    if isinstance(node, ast.UnaryOp):
        inner = _within(node.operand, SIGN)
        return (f"-{inner}", SIGN) if isinstance(node.op, ast.USub) else _write(node.operand)
    if isinstance(node, ast.Call):
        return _call(node)
    if isinstance(node, ast.Subscript):
        assert isinstance(node.value, ast.Name)
        return f"{name(node.value.id)}_{{{_below(ast.unparse(node.slice))}}}", ATOM
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    assert isinstance(node, ast.Name), ast.dump(node)
    return name(node.id), ATOM


def _within(node: ast.expr, least: int) -> str:
    """Return a node in brackets where it binds less tightly than `least`."""
    text, binding = _write(node)
    return text if binding >= least else rf"\left({text}\right)"


def _binary(node: ast.BinOp) -> tuple[str, int]:
    binding = BINDING[type(node.op)]
    if isinstance(node.op, ast.Div):
        return rf"\frac{{{_write(node.left)[0]}}}{{{_write(node.right)[0]}}}", binding
    if isinstance(node.op, ast.Pow):
        return f"{_base(node.left)}^{{{_write(node.right)[0]}}}", binding
    left, right = _within(node.left, binding), _within(node.right, binding + (not isinstance(node.op, ast.Add)))
    if right.startswith("-"):
        right = rf"\left({right}\right)"
    if isinstance(node.op, ast.Mult):
        dot = r" \cdot " if right[0].isdigit() else r"\,"
        return left + dot + right, binding
    return f"{left} {'+' if isinstance(node.op, ast.Add) else '-'} {right}", binding


def _base(node: ast.expr) -> str:
    """Return the base of a power: fractions, powers and functions in brackets too."""
    return _within(node, ATOM)


def _call(node: ast.Call) -> tuple[str, int]:
    assert isinstance(node.func, ast.Name)
    word, given = node.func.id, [_write(argument)[0] for argument in node.args]
    if word == "sqrt":
        return rf"\sqrt{{{given[0]}}}", ATOM
    if word == "abs":
        return rf"\left|{given[0]}\right|", ATOM
    if word == "exp" and len(given[0]) <= 24 and "frac" not in given[0]:
        return f"e^{{{given[0]}}}", BINDING[ast.Pow]
    if word in ("log1p", "expm1"):
        return _shifted(word, node.args[0])
    shown = SPELLED.get(word) or (f"\\{word}" if word in NAMED else rf"\operatorname{{{_roman(word)}}}")
    if len(node.args) == 1 and isinstance(node.args[0], ast.Name):
        return f"{shown} {given[0]}", BINDING[ast.Pow]
    return rf"{shown}\!\left({', '.join(given)}\right)", BINDING[ast.Pow]


def _roman(word: str) -> str:
    return word.replace("_", r"\_")


def _shifted(word: str, argument: ast.expr) -> tuple[str, int]:
    """Return log1p and expm1 as what they are."""
    if word == "log1p":
        return rf"\ln\!\left(1 + {_within(argument, 2)}\right)", BINDING[ast.Pow]
    return rf"\exp\!\left({_write(argument)[0]}\right) - 1", 1


def _constant(value: object) -> tuple[str, int]:
    mantissa, _, exponent = f"{value:.15g}".partition("e")
    if not exponent:
        return mantissa, ATOM
    power = f"10^{{{int(exponent)}}}"
    return (power, BINDING[ast.Pow]) if mantissa == "1" else (rf"{mantissa} \cdot {power}", BINDING[ast.Mult])
