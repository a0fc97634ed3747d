"""A small study with made-up but consistent tables, as the other stages would hand them to `report`."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xmodal_pipeline.evaluation.schema import COMPARISON_COLUMNS, COMPARISON_NUMBERS, DIFFERENCE_COLUMNS
from xmodal_pipeline.imaging.capture import Capture
from xmodal_pipeline.imaging.pictures import make_thumbnail
from xmodal_pipeline.imaging.study import Study
from xmodal_pipeline.params.ingest import SpecimensParams
from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.reporting.classification.accuracies import classification_section
from xmodal_pipeline.reporting.data.captures import captures_section, picture_contact_sheet
from xmodal_pipeline.reporting.data.colour import colour_section, picture_bands
from xmodal_pipeline.reporting.data.labels import labels_section, picture_class_balance
from xmodal_pipeline.reporting.data.registration import picture_registration, registration_section
from xmodal_pipeline.reporting.embeddings import ChosenVariant
from xmodal_pipeline.reporting.figure import ReportFigure
from xmodal_pipeline.reporting.page.build import build_appendix, build_report
from xmodal_pipeline.reporting.retrieval.recall import retrieval_section
from xmodal_pipeline.reporting.section import join_sections
from xmodal_pipeline.reporting.similarity.maps import explorer_section, maps_section
from xmodal_pipeline.reporting.similarity.structures import similarity_section
from xmodal_pipeline.reporting.similarity.umap import MappedCaptures
from xmodal_pipeline.reporting.training.curves import diagnostics_section, training_section
from xmodal_pipeline.reporting.uv_value.maps import uv_maps_section
from xmodal_pipeline.reporting.uv_value.section import uv_value_section
from xmodal_pipeline.specimens.band_histograms import count_values, sum_histograms
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.specimens.study_calibration import CALIBRATION_COLUMNS
from xmodal_pipeline.specimens.thumbnails import Thumbnails

SPECIES = ("Colias croceus", "Gonepteryx rhamni", "Pieris rapae", "Parus major", "Sturnus vulgaris")


def make_study(units: str = "relative", **settings: Any) -> Study:
    return Study(
        root=Path("captures"),
        is_simulated=False,
        settings=SpecimensParams.model_validate(settings),
        scale="unit",
        colour_units=units,
        rgb_bands=("R", "G", "B"),
        uv_bands=("UV1", "UV2"),
    )


def make_index(specimens_per_sex: int = 6, *, units: str = "relative") -> pd.DataFrame:
    rows = []
    for species in SPECIES:
        for sex in ("female", "male"):
            for i in range(specimens_per_sex):
                specimen = f"{species.replace(' ', '_')}_{sex[0]}_{i:03d}"
                rows.append((specimen, specimen, species, sex))
    index = pd.DataFrame(rows, columns=["capture_id", "specimen_id", "species", "sex"]).astype(
        {"species": "string", "sex": "string"}
    )
    index.loc[3, "sex"] = pd.NA
    return index.assign(
        filename=index["capture_id"] + ".tif",
        uv_filename="",
        sha256=[f"{i:064x}" for i in range(len(index))],
        height_px=96,
        width_px=96,
        colour_units=units,
        flags=["SATURATED;OUT_OF_RANGE" if i in (7, 20) else "" for i in range(len(index))],
    )


def make_capture(seed: int = 0, size: int = 60, shift: int = 0) -> Capture:
    """An orange ellipse on black with a bright UV patch; `shift` moves UV to the right."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size - 0.5
    mask = (x / 0.42) ** 2 + (y / 0.25) ** 2 < 1
    texture = 0.1 * np.sin(40 * x + seed) + generator.normal(0, 0.01, (size, size))
    rgb = np.stack([0.7 + texture, 0.4 + texture, 0.1 + texture]) * mask
    patch = ((x - 0.2) ** 2 + y**2 < 0.02) * 0.5
    uv = np.roll(np.stack([0.15 + patch + texture, 0.1 + patch + texture]) * mask, shift, axis=2)
    return Capture(rgb.astype(np.float32), uv.astype(np.float32), mask, np.roll(mask, shift, axis=1))


def make_prepared(index: pd.DataFrame, size: int = 48, **changes: Any) -> Prepared:
    captures = [make_capture(i, size) for i in range(len(index))]
    arrays = {
        part: np.stack([getattr(c, part) for c in captures]).astype(np.float16) for part in ("rgb", "uv")
    }
    n = len(index)
    return Prepared(
        **(arrays | changes),
        masks=np.ones((n, 2, 1, 1), np.uint8),
        capture_ids=tuple(index["capture_id"]),
        specimen_ids=tuple(index["specimen_id"]),
        partitions=tuple(make_partitions(index)["partition"]),
        statistics={},
        rgb_bands=("R", "G", "B"),
        uv_bands=("UV1", "UV2"),
        is_calibrated=True,
    )


def make_partitions(index: pd.DataFrame) -> pd.DataFrame:
    parts = ["test" if i % 3 == 0 else "validation" if i % 10 == 1 else "train" for i in range(len(index))]
    return index[["specimen_id"]].assign(partition=parts)


def make_embeddings(
    index: pd.DataFrame, modalities: tuple[str, ...] = ("rgb", "uv"), *, noise: float = 0.35, seed: int = 0
) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    centres = {species: generator.normal(size=8) for species in SPECIES}
    own = np.stack([centres[s] for s in index["species"]]) + generator.normal(0, 0.6, (len(index), 8))
    tables = []
    for modality in modalities:
        values = own + generator.normal(0, noise, own.shape)
        columns = pd.DataFrame(values.astype(np.float32), columns=[f"x{i + 1}" for i in range(8)])
        keys = index[["capture_id", "specimen_id"]].reset_index(drop=True)
        parts = make_partitions(index)["partition"].to_numpy()
        tables.append(pd.concat([keys.assign(partition=parts, modality=modality), columns], axis=1))
    return pd.concat(tables, ignore_index=True)


def make_registration(index: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    n = len(index)
    status = np.array(["ok", "corrected", "corrected", "failed", "abstained"])[generator.integers(0, 5, n)]
    return index[["capture_id", "specimen_id"]].assign(
        dx_px=generator.normal(0, 2, n),
        dy_px=generator.normal(0, 2, n),
        rotation_deg=0.0,
        scale=1.0,
        score_before=0.4,
        score_after=0.6,
        margin=np.where(status == "failed", -0.01, generator.uniform(0.006, 0.08, n)),
        residual_px=np.where(status == "failed", 2.2, generator.uniform(0, 1.4, n)),
        status=status,
    )


def make_quality(index: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    bands = [
        ("rgb", "R", 0.6),
        ("rgb", "G", 0.4),
        ("rgb", "B", 0.15),
        ("uv", "UV1", 0.2),
        ("uv", "UV2", 0.18),
    ]
    tables = [
        index[["capture_id", "specimen_id"]].assign(
            modality=modality,
            band=band,
            mean=generator.normal(level, 0.06, len(index)),
            sd=0.1,
            min=0.0,
            max=1.0,
            saturated_share=np.where(np.arange(len(index)) == 7, 0.03, 0.0),
            snr=12.0,
            below_zero_share=0.0,
            above_one_share=0.0,
            focus=1.0,
            flags="",
        )
        for modality, band, level in bands
    ]
    return pd.concat(tables, ignore_index=True)


def make_histograms(*, seed: int = 0) -> pd.DataFrame:
    """Three RGB and two UV bands; R is saturated, UV2 has values below 0 and above 1."""
    generator = np.random.default_rng(seed)
    levels = {
        ("rgb", "R"): 0.9,
        ("rgb", "G"): 0.4,
        ("rgb", "B"): 0.15,
        ("uv", "UV1"): 0.2,
        ("uv", "UV2"): 0.5,
    }
    quality = [
        {"modality": modality, "band": band, "saturated_share": 0.04 if band == "R" else 0.0}
        for modality, band in levels
    ]
    pixels = {key: generator.normal(level, 0.06, (1, 40, 50)) for key, level in levels.items()}
    pixels["rgb", "R"] = np.minimum(pixels["rgb", "R"], 1)
    pixels["uv", "UV2"][0, :2] += np.array([[-1.0], [1.0]])
    bands = {
        modality: np.concatenate([pixels[key] for key in levels if key[0] == modality]).astype(np.float32)
        for modality in ("rgb", "uv")
    }
    mask = np.ones((40, 50), dtype=bool)
    counts = {modality: count_values(values, mask) for modality, values in bands.items()}
    return sum_histograms([(counts, quality)])


def make_history(*, cross: bool = True, epochs: int = 20, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    epoch = np.arange(epochs)
    fall = np.exp(-epoch / 6)
    noise = generator.normal(0, 0.02, (4, epochs))
    nothing = np.full(epochs, np.nan)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "step": epoch * 3,
            "lr": 1e-3 * np.cos(epoch / epochs * np.pi / 2),
            "loss": 2 + 4 * fall + noise[0],
            "loss_cross_modal": 1 + 2 * fall + noise[1] if cross else nothing,
            "loss_intra_rgb": 0.5 + fall + noise[2],
            "loss_intra_uv": 0.7 + fall + noise[3] if cross else nothing,
            "loss_joint": 0.4 + fall if cross else nothing,
            "temperature_cross_modal": 0.1,
            "grad_norm_rgb": 1 + fall,
            "grad_norm_uv": 0.2 + fall if cross else nothing,
            "grad_cosine": 0.3 - 0.5 * fall if cross else nothing,
            "spread_rgb": 0.8,
            "spread_uv": 0.7,
            "validation_match_above_other": 0.9,
            "validation_recall_at_1": 0.6 * (1 - fall) + noise[0] + 0.05 * seed,
            "seconds": 3.0,
            "is_kept": epoch == epochs - 1,
            "linear_share": 0.25 if cross else 0.0,
        }
    )


def make_histories(**variants: pd.DataFrame) -> pd.DataFrame:
    known = {
        "separate": make_history(),
        "concat": make_history(seed=1),
        "rgb_only": make_history(cross=False),
    }
    own = [history.assign(variant=name) for name, history in (variants or known).items()]
    return pd.concat(own, ignore_index=True)


def tidy(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of `comparison`; what is not given is empty."""
    table = pd.DataFrame(rows).reindex(columns=list(COMPARISON_COLUMNS))
    words = [name for name in COMPARISON_COLUMNS if name not in (*COMPARISON_NUMBERS, "k")]
    table[words] = table[words].astype(object).where(table[words].notna(), "")
    return table.astype(dict.fromkeys(COMPARISON_NUMBERS, "float64") | {"k": "Int64"})


def _retrieval(name: str, kind: str, level: float, n: int, task: str = "retrieval") -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "kind": kind,
            "task": task,
            "label": direction,
            "direction": direction,
            "metric": f"recall@{k}",
            "k": k,
            "value": min(level * gain, 1.0),
            "low": max(min(level * gain, 1.0) - 0.12, 0),
            "high": min(min(level * gain, 1.0) + 0.12, 1.0),
            "n": n,
            "chance": k / n,
            "p": 0.001,
        }
        for direction, tilt in (("rgb_to_uv", 1.0), ("uv_to_rgb", 0.93))
        for k, gain in ((1, tilt), (5, 1.5 * tilt), (10, 1.8 * tilt))
    ]


def _classification(
    name: str, kind: str, label: str, cells: dict[str, float], n: int
) -> list[dict[str, Any]]:
    chance = 0.2 if label == "species" else 0.5
    return [
        {
            "name": name,
            "kind": kind,
            "task": "classification",
            "label": label,
            "metric": f"{source}_accuracy" if source else "accuracy",
            "source": source,
            "value": value,
            "low": value - 0.08,
            "high": min(value + 0.08, 1),
            "n": n,
            "chance": chance,
        }
        for source, value in cells.items()
    ]


def make_difference(
    name: str, value: float, low: float, high: float, metric: str = "uv_minus_rgb", p: float = 0.001
) -> dict[str, Any]:
    """UV − RGB about the sex."""
    keys = {"name": name, "kind": "variant", "task": "classification", "label": "sex", "metric": metric}
    return keys | {"value": value, "low": low, "high": high, "n": 59, "chance": 0.0, "p": p}


def make_alignment(name: str, kind: str = "variant", **changes: Any) -> list[dict[str, Any]]:
    """Value and p of each measure, a reason instead, or a text."""
    cells: dict[str, Any] = {
        "spearman": (0.52, 0.001, 0.0),
        "spearman_within": (0.45, 0.001, 0.11),
        "spearman_among": (0.31, 0.21, 0.0),
        "cka": (0.61, 0.004, 0.5),
        "mutual_knn": (0.33, 0.3, 0.3),
        "headline": "within",
        "held_fixed": "species, sex",
        "caution": "species are not independent: a permutation of them ignores that UV may follow the tree",
        "strength": "moderate",
    } | changes
    rows = [{"metric": "n", "value": 27, "n": 20}]
    for metric, cell in cells.items():
        if isinstance(cell, str):
            kept = "text" if metric in ("headline", "held_fixed", "caution", "strength") else "reason"
            rows.append({"metric": metric, kept: cell, "n": 20})
        else:
            rows.append({"metric": metric, **dict(zip(("value", "p", "chance"), cell, strict=True)), "n": 20})
    return [{"name": name, "kind": kind, "task": "alignment", **row} for row in rows]


def make_geometry(name: str, kind: str = "variant", **cells: float) -> list[dict[str, Any]]:
    shown = cells or {"modality_gap": 0.31, "uniformity_rgb": -2.9, "uniformity_uv": -2.7}
    keys = {"name": name, "kind": kind, "task": "geometry", "n": 20}
    return [keys | {"metric": metric, "value": value} for metric, value in shown.items()]


def make_predictability(name: str, kind: str = "variant", **changes: Any) -> list[dict[str, Any]]:
    """Shares of both targets: a number, or the reason why there is none."""
    cells = {
        "within": 0.31,
        "between": "too few: 3 species, at least 8 needed",
        "repeatability": 0.9,
        "within_corrected": 0.344,
    } | changes
    keys = {"name": name, "kind": kind, "task": "predictability", "n": 40}
    rows = [
        keys | {"label": target, "metric": metric, "reason" if isinstance(cell, str) else "value": cell}
        for target in ("r2_uv_given_rgb", "r2_rgb_given_uv")
        for metric, cell in cells.items()
    ]
    return [*rows, keys | {"metric": "n_species", "value": 3}]


def make_comparison(
    n: int = 20, *, uv_minus_rgb: tuple[float, float, float] = (0.27, 0.15, 0.38)
) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for name, kind, level in (
        ("separate", "variant", 0.55),
        ("concat", "variant", 0.42),
        ("attention", "variant", 0.48),
        ("band_means", "baseline", 0.12),
        ("silhouette", "baseline", 0.20),
        ("species_only", "baseline", 0.30),
        ("pca_cca", "baseline", 0.25),
    ):
        rows += _retrieval(name, kind, level, n)
        rows += _retrieval(name, kind, level / 2, n, "retrieval_opposite_views")
    rows.append({"name": "rgb_only", "kind": "variant", "task": "retrieval", "reason": "UV was not seen"})
    for i, name in enumerate(("separate", "concat", "attention")):
        rows += _classification(
            name,
            "variant",
            "species",
            {"rgb": 0.9, "uv": 0.7, "combined": 0.92, "joint": 0.9 - i / 50},
            3 * n,
        )
        rows += _classification(
            name, "variant", "sex", {"rgb": 0.55, "uv": 0.82, "combined": 0.8, "joint": 0.78 - i / 50}, 3 * n
        )
        rows.append(make_difference(name, *uv_minus_rgb))
    rows += _classification("rgb_only", "variant", "species", {"rgb": 0.88}, 3 * n)
    rows += _classification(
        "band_means", "baseline", "species", {"rgb": 0.75, "uv": 0.5, "combined": 0.8}, 3 * n
    )
    rows += _classification("band_means", "baseline", "sex", {"rgb": 0.52, "uv": 0.7, "combined": 0.7}, 3 * n)
    rows += _classification("silhouette", "baseline", "species", {"": 0.6}, 3 * n)
    for name in ("separate", "concat"):
        rows += [*make_alignment(name), *make_geometry(name)]
    return tidy(rows)


def make_differences(
    task: str = "retrieval",
    label: str = "rgb_to_uv",
    metric: str = "recall@1",
    **baselines: tuple[float, ...],
) -> pd.DataFrame:
    """`separate` minus baselines: difference, low, high, corrected p."""
    return pd.DataFrame(
        [
            {
                "a": "separate",
                "b": name,
                "family": "baselines",
                "task": task,
                "label": label,
                "metric": metric,
                "features_a": "joint",
                "features_b": "combined",
                "value_a": 0.62,
                "value_b": 0.62 - difference,
                "difference": difference,
                "low": low,
                "high": high,
                "p": p / 2,
                "p_adjusted": p,
                "n": 20,
            }
            for name, (difference, low, high, p) in baselines.items()
        ],
        columns=list(DIFFERENCE_COLUMNS),
    )


def make_uv_value() -> pd.DataFrame:
    keys, numbers = "species label view features n_1 n_2", "auc_rgb auc_uv auc_both uv_adds low high p q"
    columns = [*keys.split(), *numbers.split(), "verdict"]
    nan = float("nan")
    rows = [
        (
            "Colias croceus",
            "sex",
            "",
            "colour",
            12,
            12,
            0.55,
            0.96,
            0.97,
            6.1,
            2.4,
            11.0,
            0.0002,
            0.002,
            "uv_only",
        ),
        (
            "Gonepteryx rhamni",
            "sex",
            "",
            "colour",
            12,
            11,
            0.85,
            0.93,
            0.95,
            3.2,
            0.9,
            6.8,
            0.004,
            0.021,
            "uv_adds",
        ),
        ("Pieris rapae", "sex", "", "colour", 9, 9, 0.7, 0.66, 0.71, 0.4, 0.0, 2.2, 0.21, 0.4, "unresolved"),
        (
            "Parus major",
            "sex",
            "",
            "colour",
            12,
            12,
            0.98,
            0.9,
            0.98,
            0.0,
            0.0,
            0.5,
            0.8,
            0.85,
            "rgb_suffices",
        ),
        ("Sturnus vulgaris", "sex", "", "colour", 3, 2, nan, nan, nan, nan, nan, nan, nan, nan, "too_few"),
    ]
    known = {"patch": "", "family": "primary", "scope": "species", "specimens": "all"}
    tips = {"noise_tip": [0.021, 0.006, nan, nan, nan], "tip": [0.7, 0.905, nan, nan, nan]}
    told = {
        "classes": "f | m",
        "q_uv": [0.001, 0.001, 0.3, 0.2, nan],
        "uv_difference": [np.log(1.8), -np.log(1.25), 0.01, 0.2, nan],
        "n_repeated": 17,
        "noise_sd": 0.0183,
        "noise_low": 0.0137,
        "noise_high": 0.0274,
    }
    return pd.DataFrame(rows, columns=columns).assign(
        **known, **tips, **told, n_species=nan, n_carry=nan, auc_rgb_upper=[0.62, 0.9, 0.8, 0.99, nan]
    )


def make_rejected() -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("bad_001.tif", "UNREADABLE", "the file ends early"),
            ("bad_002.tif", "EMPTY_MASK", "the mask selects no pixel"),
            ("bad_003.tif", "EMPTY_MASK", "the mask selects no pixel"),
        ],
        columns=["filename", "code", "reason"],
    )


def make_thumbnails(index: pd.DataFrame) -> Thumbnails:
    pictures = [make_thumbnail(make_capture(i), 32) for i in range(len(index))]
    return Thumbnails(tuple(index["capture_id"]), np.stack(pictures))


def make_chosen(index: pd.DataFrame, name: str = "concat") -> ChosenVariant:
    return ChosenVariant(
        name, make_embeddings(index, ("rgb", "uv", "joint"), seed=2), make_embeddings(index, seed=1)
    )


def make_uv_maps(species: str = "pieris_rapae", factor: float = 1.0) -> pd.DataFrame:
    """Two classes of 6 x 5 pixels that begin at row 2, column 3; the last pixel of females is missing."""
    row, column = (part.ravel() for part in np.mgrid[2:8, 3:8])
    pixels = pd.DataFrame({"row": row, "column": column, "coverage": 1.0, "uv": row / 10.0})
    classes = [
        pixels.assign(**{"class": name, "n": 6, "n_class": 9, "influence": sign * factor * (column - 5.0)})
        for name, sign in (("f", 1), ("m", -2))
    ]
    classes[0] = classes[0].iloc[:-1]
    return pd.concat(classes, ignore_index=True).assign(label="sex", species=species, view="dorsal")


def make_tables(**changes: Any) -> dict[str, Any]:
    """Every table of the study; `changes` replace some."""
    index = changes.get("specimen_index", make_index())
    figure = ReportFigure("none", "Figure", "", reason="it was not asked for")
    tables = {
        "specimen_index": index,
        "rejected_captures": make_rejected(),
        "registration_qa": make_registration(index),
        "calibration": pd.DataFrame(columns=CALIBRATION_COLUMNS),
        "quality_report": make_quality(index),
        "class_balance": pd.DataFrame(
            columns=["label", "class", "species", "n_specimens", "n_captures"], dtype=object
        ),
        "confounding": pd.DataFrame(columns=["code"]),
        "species_tips": pd.DataFrame(),
        "modality_information": pd.DataFrame(),
        "partitions": make_partitions(index),
        "histories": make_histories(),
        "comparison": make_comparison(),
        "differences": make_differences(),
        "known_seed_spread": pd.DataFrame(),
        "known_uv_value_seeds": pd.DataFrame(),
        "uv_value": make_uv_value(),
        "uv_maps": make_uv_maps(),
        "diagnostics": pd.DataFrame(
            [("MODALITY_DOMINATES", "separate", "the gradient at UV is small", "raise training.lr_uv")],
            columns=["code", "variant", "finding", "advice"],
        ),
        "chosen_variant": changes.get("chosen_variant") or make_chosen(index, "separate"),
        "mapped_captures": MappedCaptures(reason="it was not asked for"),
        "prepared": None,
        "gallery": figure,
        "views": figure,
        "contact_sheet": figure,
        "registration": figure,
        "bands": figure,
        "class_balance_figure": figure,
    }
    return tables | changes


def draw_data(study: Study, tables: dict[str, Any], parameters: Parameters) -> dict[str, ReportFigure]:
    """The figures that `ingest` makes."""
    index = tables["specimen_index"]
    return {
        "contact_sheet": picture_contact_sheet(study, index, make_thumbnails(index)),
        "registration": picture_registration(study, tables["registration_qa"], parameters.registration),
        "bands": picture_bands(study, make_histograms(), captures=len(index)),
        "class_balance_figure": picture_class_balance(study, index),
    }


def make_sections(
    study: Study, parameters: Parameters | None = None, *, with_models: bool = True, **changes: Any
) -> list[Any]:
    """All sections in reading order, as the pipeline makes them."""
    p, t = parameters or Parameters(), make_tables(**changes)
    index, chosen, mapped = t["specimen_index"], t["chosen_variant"], t["mapped_captures"]
    data = [
        captures_section(study, index, t["rejected_captures"], t["partitions"], p.split, t["contact_sheet"]),
        registration_section(study, t["registration_qa"], p.registration, t["registration"]),
        colour_section(study, t["calibration"], t["quality_report"], t["bands"]),
    ]
    labels = labels_section(
        study,
        t["class_balance"],
        t["confounding"],
        t["species_tips"],
        t["modality_information"],
        t["class_balance_figure"],
    )
    compared = (study, t["comparison"], t["differences"], t["known_seed_spread"], chosen)
    models = [
        retrieval_section(*compared, t["gallery"]),
        similarity_section(
            study, t["comparison"], t["known_seed_spread"], chosen, index, p.reporting, p.evaluation
        ),
        classification_section(*compared, p.evaluation),
        uv_value_section(
            study, t["uv_value"], t["known_uv_value_seeds"], index, t["calibration"], p.evaluation
        ),
        uv_maps_section(study, separate=t["uv_maps"]),
        training_section(study, t["histories"], t["views"], t["known_seed_spread"], p.training, p.loss),
        diagnostics_section(study, t["diagnostics"]),
        labels,
        maps_section(study, index, mapped, chosen),
        explorer_section(study, index, mapped, t["prepared"], chosen),
    ]
    return join_sections([*data, *(models if with_models else [labels])])


def make_page(study: Study, sections: list[Any], parameters: Parameters | None = None, **changes: Any) -> str:
    """The report of sections as HTML."""
    tables = make_tables(**changes)
    return build_report(
        sections,
        study=study,
        parameters=parameters or Parameters(),
        specimen_index=tables["specimen_index"],
        rejected=len(tables["rejected_captures"]),
        chosen=tables["chosen_variant"],
    )


def make_appendix(
    study: Study, sections: list[Any], parameters: Parameters | None = None, **changes: Any
) -> str:
    """The appendix of sections as HTML."""
    return build_appendix(
        sections,
        study=study,
        parameters=parameters or Parameters(),
        specimen_index=make_tables(**changes)["specimen_index"],
    )
