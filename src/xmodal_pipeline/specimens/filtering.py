"""`specimens.filter`: which captures a study is about, as a query over their labels."""

import ast
import operator
import re
from collections.abc import Callable, Collection
from functools import reduce
from typing import Any, Final, TypeAlias

import pandas as pd

from xmodal_pipeline.errors import CaptureCode, ParametersError
from xmodal_pipeline.params.columns import column_name
from xmodal_pipeline.specimens.columns import is_number, point_decimals
from xmodal_pipeline.specimens.discovery import CAPTURE_COLUMNS, REJECTED_COLUMNS

_COMPARISONS: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_QUOTED = re.compile(r"`([^`]+)`")
_ISO_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_NAMES = (*CAPTURE_COLUMNS, "specimen_id")
_EXAMPLE = "write comparisons such as sex == 'm', view in ['dorsal', 'lateral'] and elevation >= 1000"

_Operand: TypeAlias = "pd.Series | str | float"


def check_filter(query: str, columns: Collection[str]) -> None:
    """Refuse a query that is none, or that names a column the captures do not have.

    Args:
        query: comparisons of columns with text in quotes or numbers, joined by `and`, `or` and `not`; names
            with spaces or dots stand in backticks.
        columns: the labels of the study.

    Raises:
        ParametersError: naming what is wrong.
    """
    names = dict.fromkeys([*columns, *_NAMES])
    _select(pd.DataFrame({name: pd.array([], dtype="string") for name in names}), query)


def apply_filter(captures: pd.DataFrame, query: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The captures that a query selects, and the files it leaves out (`filename, code, reason`).

    Upper and lower case are alike, as in the labels. A column of numbers is compared as numbers, in quotes or
    not; dates of the form 2024-06-30 are in order as they are; other text has no order. A comparison with a
    missing label is neither true nor false, and so is its negation: a capture without the label is left out
    by either. The query is read here, not executed: it can call nothing.

    Raises:
        ParametersError: as `check_filter`, or if it selects nothing.
    """
    if query is None:
        return captures, pd.DataFrame(columns=REJECTED_COLUMNS)
    is_kept = _select(captures, query)
    if len(captures) and not is_kept.any():
        raise ParametersError(
            f"specimens.filter: must select captures, got none of {len(captures)} with {query!r}; compare "
            "its values with the cleaned labels, after specimens.vocabulary"
        )
    reason = f"left out by the filter {query!r}"
    left_out = pd.DataFrame(
        {"filename": captures.loc[~is_kept, "filename"], "code": CaptureCode.FILTERED.value, "reason": reason}
    )
    return captures[is_kept].reset_index(drop=True), left_out


def _select(captures: pd.DataFrame, query: str) -> pd.Series:
    quoted = {name: f"quoted_{at}" for at, name in enumerate(dict.fromkeys(_QUOTED.findall(query)))}
    text = _QUOTED.sub(lambda match: quoted[match[1]], query)
    called = {alias: column_name(name) for name, alias in quoted.items()}
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise _refusal("must be a query", query) from error
    table = captures.rename(columns=column_name).astype("string").apply(lambda one: one.str.casefold())
    return _truth(_Named(called).visit(tree), table, query).fillna(False).astype(bool)


class _Named(ast.NodeTransformer):
    """Calls columns as the labels are called, whatever their case, spaces and underscores."""

    def __init__(self, quoted: dict[str, str]) -> None:
        self._quoted = quoted

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._quoted.get(node.id) or column_name(node.id))


def _truth(node: ast.expr, table: pd.DataFrame, query: str) -> pd.Series:
    """True, false or missing for every capture, by Kleene's logic."""
    if isinstance(node, ast.BoolOp):
        join = operator.and_ if isinstance(node.op, ast.And) else operator.or_
        return reduce(join, (_truth(one, table, query) for one in node.values))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ~_truth(node.operand, table, query)
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        steps = zip(sides, node.ops, sides[1:], strict=False)
        return reduce(operator.and_, (_comparison(a, op, b, table, query) for a, op, b in steps))
    raise _refusal("must compare labels with values", query)


def _comparison(left: ast.expr, op: ast.cmpop, right: ast.expr, table: pd.DataFrame, query: str) -> pd.Series:
    first = _operand(left, table, query)
    if isinstance(op, ast.In | ast.NotIn):
        if not isinstance(first, pd.Series) or not isinstance(right, ast.List | ast.Tuple):
            raise _refusal("'in' must stand between a label and a list", query)
        values = [_operand(one, table, query) for one in right.elts]
        if any(isinstance(value, pd.Series) for value in values):
            raise _refusal("a list must hold text in quotes, or numbers", query)
        is_in = reduce(operator.or_, (_compare(first, ast.Eq(), value, query) for value in values))
        return is_in if isinstance(op, ast.In) else ~is_in
    second = _operand(right, table, query)
    if type(op) not in _COMPARISONS or not (isinstance(first, pd.Series) or isinstance(second, pd.Series)):
        raise _refusal("must compare labels with values", query)
    return _compare(first, op, second, query)


def _compare(first: _Operand, op: ast.cmpop, second: _Operand, query: str) -> pd.Series:
    """Compare as numbers where both sides are, else as text."""
    sides = (first, second)
    columns = [side for side in sides if isinstance(side, pd.Series)]
    if all(_is_numeric(side) for side in sides):
        first, second = (_as_numbers(side) for side in sides)
    elif any(isinstance(side, float) for side in sides):
        raise _refusal(f"'{columns[0].name}' holds text: its values must stand in quotes", query)
    elif not isinstance(op, ast.Eq | ast.NotEq) and not all(_is_ordered(side) for side in sides):
        raise _refusal(f"'{columns[0].name}' holds text, which has no order: use == or in", query)
    compared: pd.Series = _COMPARISONS[type(op)](first, second)
    return compared.astype("boolean")


def _known(side: _Operand) -> list[str]:
    return [str(value) for value in (side.dropna().unique() if isinstance(side, pd.Series) else [side])]


def _is_numeric(side: _Operand) -> bool:
    if isinstance(side, pd.Series) and side.name in _NAMES:
        return False  # 0010 and 10 are two specimens
    return all(is_number(point_decimals(value)) for value in _known(side))


def _as_numbers(side: _Operand) -> "pd.Series | float":
    if isinstance(side, pd.Series):
        return side.astype("Float64")
    return float(point_decimals(str(side)))


def _is_ordered(side: _Operand) -> bool:
    return all(_ISO_DATE.fullmatch(value) for value in _known(side))


def _operand(node: ast.expr, table: pd.DataFrame, query: str) -> _Operand:
    if isinstance(node, ast.Name):
        if node.id not in table:
            raise _refusal(f"must name columns of the metadata {sorted(table.columns)}, not {node.id}", query)
        return table[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _operand(node.operand, table, query)
        if isinstance(number, float):
            return -number
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.casefold()
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    raise _refusal("must compare labels with values", query)


def _refusal(rule: str, query: str) -> ParametersError:
    return ParametersError(f"specimens.filter: {rule}, got {query!r}; {_EXAMPLE}")
