"""What photoreceptors catch, by the coefficients of the study, and where that lies in colour space."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.imaging.capture import Bands

Floats = NDArray[np.float64]

INTERCEPT: Final = "intercept"
LUMINANCE: Final = "lum"
"""A receptor of this name (double cones) has its own catch and no part in the relative ones."""
TETRAHEDRAL: Final = ("x", "y", "z", "h_theta", "h_phi", "r_vec", "r_max", "r_achieved")
_COLUMNS = ("receptor", "term", "coefficient")
_FLOOR_SHARE = 1e-4
"""Of the largest catch: what a catch at or below zero becomes before shares are taken."""
_VERTICES = np.array(
    [
        [0, 0, 3 / 4],
        [-np.sqrt(6) / 4, -np.sqrt(2) / 4, -1 / 4],
        [0, 1 / np.sqrt(2), -1 / 4],
        [np.sqrt(6) / 4, -np.sqrt(2) / 4, -1 / 4],
    ]
)
"""Where u, s, m and l alone lie (Endler & Mielke 2005; axes as Stoddard & Prum 2008)."""


@dataclass(frozen=True, eq=False)
class ReceptorModel:
    """Catches as a polynomial of the bands: one camera, one illuminant, one animal."""

    receptors: tuple[str, ...]
    """In the file's order; four beside `lum` are taken as u, s, m, l, short to long wavelength."""
    terms: tuple[tuple[str, ...], ...]
    """Bands that are multiplied; () is the intercept."""
    coefficients: Floats
    """(receptors, terms)."""

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands that the terms need."""
        return tuple(sorted({band for term in self.terms for band in term}))

    @property
    def chromatic(self) -> tuple[str, ...]:
        """The receptors that relative catches are taken over."""
        return tuple(name for name in self.receptors if name != LUMINANCE)


def read_receptors(path: Path, bands: Sequence[str]) -> ReceptorModel:
    """Read the coefficients of a study: a CSV with the columns receptor, term, coefficient.

    A term is `intercept`, a band (`R`), or bands multiplied (`R:UV1`, `R:R`), as micaToolbox lists the terms
    of its cone-catch models.

    Args:
        path: the file.
        bands: names that the layout knows.

    Raises:
        ValueError: naming the line, if a column or band is unknown, a term comes twice, or a coefficient is
            no finite number.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    header = tuple(cell.strip() for cell in rows[0]) if rows else ()
    if header != _COLUMNS or len(rows) == 1:
        raise ValueError(
            f"receptors '{path.name}': must have the columns {', '.join(_COLUMNS)} and a row per term, got "
            f"{list(header)} and {max(len(rows) - 1, 0)} rows; write one row per receptor and term"
        )
    table: dict[str, dict[tuple[str, ...], float]] = {}
    for number, row in enumerate(rows[1:], start=2):
        receptor, term, coefficient = _parse(path.name, number, row, bands)
        terms = table.setdefault(receptor, {})
        if term in terms:
            raise ValueError(
                f"receptors '{path.name}', row {number}: a term must stand once per receptor, got "
                f"'{':'.join(term) or INTERCEPT}' of '{receptor}' again; remove one"
            )
        terms[term] = coefficient
    known = tuple(dict.fromkeys(term for terms in table.values() for term in terms))
    coefficients = np.array([[terms.get(term, 0.0) for term in known] for terms in table.values()])
    return ReceptorModel(tuple(table), known, coefficients)


def _parse(
    name: str, number: int, row: list[str], bands: Sequence[str]
) -> tuple[str, tuple[str, ...], float]:
    where = f"receptors '{name}', row {number}"
    if len(row) != len(_COLUMNS) or not row[0].strip():
        raise ValueError(f"{where}: must be a receptor, a term and a coefficient, got {row}; mend the row")
    receptor, text = row[0].strip(), row[1].strip()
    # Sorted, so that R:UV1 and UV1:R are one term.
    term = () if text == INTERCEPT else tuple(sorted(part.strip() for part in text.split(":")))
    unknown = [band for band in term if band not in bands]
    if unknown:
        raise ValueError(
            f"{where}: a term must be {INTERCEPT} or bands of {list(bands)} joined by ':', got '{text}'; "
            "use the names of specimens.layout"
        )
    try:
        coefficient = float(row[2])
    except ValueError:
        coefficient = np.nan
    if not np.isfinite(coefficient):
        raise ValueError(f"{where}: coefficient must be a finite number, got '{row[2]}'; mend the row")
    return receptor, term, coefficient


def mean_catches(model: ReceptorModel, bands: Sequence[str], values: Bands, *, factor: float) -> Floats:
    """Mean over pixels of each receptor's catch, the polynomial taken pixel by pixel.

    The polynomial of the mean is another number wherever a term multiplies bands that vary together inside
    the patch. The mean of the polynomial needs no catch per pixel: it is the coefficients times the
    means of the products.

    Args:
        model: the coefficients.
        bands: names of the rows of `values`.
        values: (bands, pixels), unit scale, at least one pixel.
        factor: what unit scale is multiplied by before the coefficients apply: 100 for percent.

    Returns:
        (receptors,) catches, negative where the model says so.
    """
    planes = dict(zip(bands, values, strict=True))
    means = np.empty(len(model.terms))
    for place, term in enumerate(model.terms):
        product = np.ones(values.shape[1])
        for band in term:
            product = product * planes[band]
        means[place] = product.mean() * factor ** len(term)
    catches: Floats = model.coefficients @ means
    return catches


def relative_catches(catches: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Catches as shares of their sum; those at or below zero are raised first, and counted.

    A polynomial may fall below zero where a patch is dark in a receptor; shares need positive numbers.

    Args:
        catches: (n, receptors).

    Returns:
        (n, receptors) with rows that sum to 1, NaN where no catch is positive; and how many of each row were
        raised to 1/10,000 of its largest.
    """
    floor = _FLOOR_SHARE * catches.max(axis=1, keepdims=True)
    raised = catches < floor
    kept = np.where(raised, floor, catches)
    kept[(floor <= 0)[:, 0]] = np.nan
    relative: Floats = kept / kept.sum(axis=1, keepdims=True)
    return relative, raised.sum(axis=1)


def tetrahedral(relative: Floats) -> Floats:
    """Place of relative catches u, s, m, l in the tetrahedron of colours.

    Args:
        relative: (n, 4), rows sum to 1.

    Returns:
        (n, 8), columns `TETRAHEDRAL`: Cartesian x, y, z; the hue angles h_theta (about the axis of u) and
        h_phi in radians, NaN at the achromatic centre; the distance r_vec from the centre; r_max, the largest
        one of this hue; and r_achieved = r_vec / r_max, which is 1 − 4 min(u, s, m, l).

    References:
        Endler & Mielke (2005) Biol. J. Linn. Soc. 86:405; Stoddard & Prum (2008) Am. Nat. 171:755. As
        `pavo::colspace(space = "tcs")`, which has NaN for r_vec and r_achieved at the centre, here 0.
    """
    place = relative @ _VERTICES
    x, y, z = place.T
    distance = np.sqrt((place**2).sum(axis=1))
    has_hue = distance > np.finfo(np.float32).eps
    safe = np.where(has_hue, distance, 1.0)
    theta = np.where(has_hue, np.arctan2(y, x), np.nan)
    phi = np.where(has_hue, np.arcsin(np.clip(z / safe, -1, 1)), np.nan)
    # A share is 1/4 + 4/3 of the place's projection on its vertex; the first to reach 0 ends the hue.
    achieved = 1 - 4 * relative.min(axis=1)
    limit = np.where(has_hue, distance / np.where(has_hue, achieved, 1.0), np.nan)
    return np.column_stack([x, y, z, theta, phi, distance, limit, achieved])
