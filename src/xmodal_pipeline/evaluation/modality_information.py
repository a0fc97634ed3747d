"""How much each modality's mean colour can say at all: its dimensions, and what the other does not know."""

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.evaluation.predictability import predictability
from xmodal_pipeline.evaluation.specimen_tables import SPECIES
from xmodal_pipeline.imaging.colour import colour_features

Floats = NDArray[np.float64]

_LEAST_SPECIMENS = 3
_MEAN = r"_mean$"
COLUMNS: Final = (
    "modality",
    "n_specimens",
    "n_bands",
    "sd",
    "effective_dimensions",
    "first_dimension_share",
    "among_species_share",
    "r2_given_other_within",
    "r2_given_other_between",
)


def modality_information(colour_table: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Describe the band means of each modality over specimens.

    Args:
        colour_table: mean of each band per capture; the whole specimen counts.
        index: `specimen_index`; captures of one specimen are averaged.

    Returns:
        One row per modality, columns `COLUMNS`: `sd`, the root of the total variance; `effective_dimensions`
        (Σλ)² / Σλ² of the eigenvalues λ of the covariance between bands, 1 when all bands say the same, the
        number of bands when they are unrelated and equally variable; `first_dimension_share` λ₁ / Σλ;
        `among_species_share`, variance of the species means, weighted by specimens, over all variance; and
        the share of variance that ridge regression on the other modality's band means predicts for unseen
        specimens about their species means (within) and for unseen species (between), see `predictability`.
        NaN where there are too few specimens or species; no rows where no capture was measured.
    """
    if colour_table.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    sides = [side.filter(regex=_MEAN) for side in colour_features(colour_table)]
    known = index.drop_duplicates("capture_id").set_index("capture_id")
    captures = known.index.intersection(sides[0].index).intersection(sides[1].index)
    owner = known.loc[captures, "specimen_id"]
    rgb, uv = (side.loc[captures].groupby(owner.to_numpy()).mean() for side in sides)
    species = None
    if SPECIES in known and known[SPECIES].notna().any():
        species = known.loc[captures].groupby("specimen_id")[SPECIES].first().reindex(rgb.index)
    shares = _shared(rgb, uv, species) if len(rgb) >= _LEAST_SPECIMENS else {}
    rows = [
        {"modality": name}
        | _describe(side.to_numpy(np.float64), species)
        | {
            f"r2_given_other_{where}": _number(shares.get(key, {}).get(where))
            for where in ("within", "between")
        }
        for name, side, key in (("rgb", rgb, "r2_rgb_given_uv"), ("uv", uv, "r2_uv_given_rgb"))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _shared(rgb: pd.DataFrame, uv: pd.DataFrame, species: pd.Series | None) -> dict[str, Any]:
    strata = None if species is None else species.astype(object).where(species.notna(), None).to_numpy()
    return predictability(rgb.to_numpy(), uv.to_numpy(), strata)


def _number(value: Any) -> float:
    return value if isinstance(value, float) else float("nan")


def _describe(means: Floats, species: pd.Series | None) -> dict[str, Any]:
    row = dict.fromkeys(COLUMNS[3:7], float("nan")) | {"n_specimens": len(means), "n_bands": means.shape[1]}
    if len(means) < _LEAST_SPECIMENS:
        return row
    centred = means - means.mean(axis=0)
    spread = np.linalg.svd(centred, compute_uv=False) ** 2
    total = float(spread.sum())
    if total == 0:
        return row | {"sd": 0.0}
    row |= {
        "sd": float(np.sqrt(total / (len(means) - 1))),
        "effective_dimensions": float(total**2 / (spread**2).sum()),
        "first_dimension_share": float(spread[0] / total),
    }
    if species is not None and species.notna().all():
        group_means = pd.DataFrame(centred).groupby(species.to_numpy()).transform("mean").to_numpy()
        row["among_species_share"] = float((group_means**2).sum() / total)
    return row
