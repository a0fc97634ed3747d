"""What needs no learning, as the tables of a model: the same measures can then be taken of all."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xmodal_pipeline.evaluation.baselines import band_means, coarse_pixels, pca_cca, silhouette
from xmodal_pipeline.evaluation.galleries import LEAST_TEST
from xmodal_pipeline.evaluation.model_tables import ModelTables
from xmodal_pipeline.evaluation.schema import MODALITIES, SPECIES_ONLY
from xmodal_pipeline.evaluation.specimen_tables import SPECIES, feature_columns
from xmodal_pipeline.specimens.prepared import Prepared

Floats = NDArray[np.float64]

_BLOCK = 256
"""Captures taken to the common space at a time: a store of images may not fit into memory as float64."""


def baseline_tables(
    prepared: Prepared,
    index: pd.DataFrame,
    *,
    views: Mapping[str, pd.DataFrame] = MappingProxyType({}),
    unlearnt: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]] = MappingProxyType({}),
    catches: Mapping[str, pd.DataFrame] = MappingProxyType({}),
) -> dict[str, ModelTables]:
    """Every baseline as a model: embeddings to probe, projections to retrieve by, opposite views.

    Projections are PCA + CCA of the embeddings, fitted on the captures of the training partition.

    Args:
        prepared: rows in the order of the index.
        index: `specimen_index`.
        views: of `band_means`, `pca_cca` and `silhouette`: capture_id, modality, x1 … xD of opposite views;
            which a baseline without them lacks.
        unlearnt: embeddings and opposite views of encoders never trained on these captures, by name.
        catches: of `specimens.colour.catch_features`; empty where the study has no camera coefficients.

    Returns:
        `species_only` (one column per species; embeddings `joint`), `band_means`, `silhouette` (RGB's outline
        as `joint`), `pca_cca` (of pixels; its embeddings are its projections), the unlearnt and the catches
        (`joint`: each draws on both modalities).
    """
    masks, images = prepared.masks, (prepared.rgb, prepared.uv)
    frame = _Frame(prepared, index)
    colours = [band_means(side, masks[:, i]) for i, side in enumerate(images)]
    outlines = [silhouette(masks[:, i]) for i in range(2)]
    pixels = frame.project(
        [
            coarse_pixels(side, masks[:, i], prepared.statistics[name])
            for i, (name, side) in enumerate(zip(MODALITIES, images, strict=True))
        ]
    )
    views_of = {name: frame.project_table(table) for name, table in views.items()}
    shared = (
        "RGB and UV share one mask, in which the outline finds itself: see opposite_views"
        if np.array_equal(masks[:, 0], masks[:, 1])
        else ""
    )
    models = {
        SPECIES_ONLY: _species_only(frame),
        "band_means": ModelTables(
            frame.table(dict(zip(MODALITIES, colours, strict=True))),
            frame.project(colours),
            views_of.get("band_means"),
        ),
        "pca_cca": None if pixels is None else ModelTables(pixels, pixels, views_of.get("pca_cca")),
        "silhouette": ModelTables(
            frame.table({"joint": outlines[0]}),
            None if shared else frame.project(outlines),
            views_of.get("silhouette"),
            unpaired=shared,
        ),
    }
    for name, (embeddings, of_views) in unlearnt.items():
        models[name] = ModelTables(embeddings, frame.project_table(embeddings), frame.project_table(of_views))
    for name, features in catches.items():
        models[name] = ModelTables(
            frame.table({"joint": features}), unpaired="a catch draws on the bands of both modalities"
        )
    return {name: tables for name, tables in models.items() if tables is not None}


class _Frame:
    """The captures of a study, in the order of its index."""

    def __init__(self, prepared: Prepared, index: pd.DataFrame) -> None:
        self.index = index
        self.keys = pd.DataFrame(
            {
                "capture_id": prepared.capture_ids,
                "specimen_id": prepared.specimen_ids,
                "partition": prepared.partitions,
            }
        )
        self.is_train = np.asarray(prepared.partitions) == "train"

    def table(self, features: Mapping[str, Floats | pd.DataFrame]) -> pd.DataFrame:
        """Embedding rows of arrays in the order of the index, or of tables of some of its captures."""
        keys = self.keys.set_index("capture_id")
        parts = []
        for modality, values in features.items():
            captures = values.index if isinstance(values, pd.DataFrame) else keys.index
            columns = pd.DataFrame(
                np.asarray(values), index=captures, columns=[f"x{i + 1}" for i in range(values.shape[1])]
            )
            parts.append(
                pd.concat([keys.loc[captures].assign(modality=modality), columns], axis=1).reset_index()
            )
        return pd.concat(parts, ignore_index=True)

    def project(self, sides: Sequence[NDArray[Any]]) -> pd.DataFrame | None:
        """Both modalities in the space that they share; None where too few captures are to fit on."""
        if self.is_train.sum() < LEAST_TEST:
            return None
        rgb, uv = sides
        transform = pca_cca(rgb[self.is_train], uv[self.is_train])
        blocks = [
            transform(rgb[start : start + _BLOCK], uv[start : start + _BLOCK])
            for start in range(0, len(self.keys), _BLOCK)
        ]
        common = [np.concatenate(parts) for parts in zip(*blocks, strict=True)]
        return self.table(dict(zip(MODALITIES, common, strict=True)))

    def project_table(self, table: pd.DataFrame) -> pd.DataFrame | None:
        """`project` of the rows of a table: capture_id, modality, x1 … xD."""
        by_modality = [
            table[table["modality"] == name].set_index("capture_id").loc[self.keys["capture_id"]]
            for name in MODALITIES
        ]
        return self.project([rows[feature_columns(rows)].to_numpy(np.float64) for rows in by_modality])


def _species_only(frame: _Frame) -> ModelTables | None:
    """Who knows the species and nothing else; of an unknown species, not even that."""
    if SPECIES not in frame.index or frame.index[SPECIES].isna().all():
        return None
    known = pd.get_dummies(frame.index[SPECIES]).to_numpy(np.float32)
    sides = frame.table({"rgb": known, "uv": known})
    return ModelTables(frame.table({"joint": known}), sides, sides)  # no warp hides the species
