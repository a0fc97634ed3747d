"""The methods paragraph: what a paper says about how its numbers came about."""

from typing import Final

import pandas as pd

from xmodal_pipeline.imaging.calibration import MIN_R2
from xmodal_pipeline.params.train import LossParams, TrainingParams
from xmodal_pipeline.reporting.content import ReportTables
from xmodal_pipeline.reporting.names import ModalityNames
from xmodal_pipeline.reporting.provenance import hash_captures, package_versions
from xmodal_pipeline.variants import STRATEGIES

_UNITS = {
    "reflectance": "Captures came calibrated to reflectance.",
    "relative": "Bands are relative to a standard in each photograph and not absolute.",
    "uncalibrated": "Bands were not calibrated; colour is in camera units.",
}
_REFERENCES: Final = {
    "Loshchilov & Hutter 2019": "arXiv:1711.05101",
    "Radford et al. 2021": "arXiv:2103.00020",
    "Chen et al. 2020": "arXiv:2002.05709",
    "Dufumier et al. 2025": "arXiv:2409.07402",
    "Mantel 1967": "Cancer Res. 27:209",
    "Freedman & Lane 1983": "J. Bus. Econ. Stat. 1:292",
    "Benjamini & Hochberg 1995": "J. R. Stat. Soc. B 57:289",
}
"""Where each work that a sentence may name is found; those that are named close the paragraph."""


def write_methods(tables: ReportTables) -> str:
    """One paragraph in the past tense, each sentence from the tables and parameters in force."""
    sentences = [
        _specimens(tables),
        _rejects(tables.rejected_captures),
        _calibration(tables),
        _registration(tables),
        _split(tables),
        _models(tables),
        _evaluation(tables),
        _alignment(tables),
        _uv_value(tables),
        _provenance(tables),
    ]
    text = " ".join(sentence for sentence in sentences if sentence)
    named = "; ".join(f"{work}, {place}" for work, place in _REFERENCES.items() if work in text)
    return f"{text} References: {named}." if named else text


def count_classes(specimen_index: pd.DataFrame) -> list[str]:
    """`10 species`, `24 female, 26 male, 2 of unknown sex`: what the labels species and sex count up to."""
    specimens = specimen_index.drop_duplicates("specimen_id")
    parts = []
    if "species" in specimens and specimens["species"].notna().any():
        parts.append(f"{specimens['species'].nunique()} species")
    if "sex" in specimens and specimens["sex"].notna().any():
        counts = specimens["sex"].value_counts().sort_index()
        parts += [f"{count} {sex}" for sex, count in counts.items()]
        if specimens["sex"].isna().any():
            parts.append(f"{specimens['sex'].isna().sum()} of unknown sex")
    return parts


def _specimens(tables: ReportTables) -> str:
    index, names = tables.specimen_index, tables.names
    classes = count_classes(index)
    detail = f" ({', '.join(classes)})" if classes else ""
    captures, specimens = len(index), index["specimen_id"].nunique()
    both = f"{names.rgb} and {names.uv}"
    return f"We analysed {captures} captures of {specimens} specimens{detail}, each in {both}."


def _rejects(rejected: pd.DataFrame) -> str:
    if rejected.empty:
        return "No capture was rejected."
    counts = ", ".join(f"{code} {count}" for code, count in rejected["code"].value_counts().items())
    return f"{len(rejected)} further captures were rejected ({counts})."


def _calibration(tables: ReportTables) -> str:
    lines = tables.calibration
    if lines.empty:
        return _UNITS[tables.colour_units]
    specimens = tables.parameters.specimens
    what = f"each {specimens.calibrate_by}" if specimens.calibrate_by else "each photograph"
    curve = " after the sRGB curve was undone" if specimens.encoding == "srgb" else ""
    groups, flagged = lines["group"].nunique(), int(lines["flagged"].sum())
    fit = f"R² {lines['r2'].min():.3f} to {lines['r2'].max():.3f}; " if lines["r2"].notna().any() else ""
    reserve = "; statements about colour share their error" if flagged else ""
    return (
        "Bands were calibrated to reflectance by a straight line per band through the grey standards of "
        f"{what} ({groups} in all){curve}, saturated standards left out "
        f"({fit}{flagged} of {len(lines)} lines flagged for R² below {MIN_R2:g} or fewer than two standards)"
        f"{reserve}."
    )


def _registration(tables: ReportTables) -> str:
    names, mode = tables.names, tables.parameters.specimens.registration
    qa = tables.registration_qa
    if mode == "off" or qa.empty or (qa["status"] == "off").all():
        return f"Registration of {names.uv} to {names.rgb} was not checked."
    counts = ", ".join(f"{count} {status}" for status, count in qa["status"].value_counts().items())
    what = "estimated and corrected" if mode == "correct" else "estimated"
    return (
        f"The shift of {names.uv} against {names.rgb} was {what} by cross-correlation of gradient "
        f"magnitudes ({counts}){_turns(tables)}."
    )


def _turns(tables: ReportTables) -> str:
    """Whether rotations and scales were found too, and one transform was shared by a set-up."""
    qa, rig = tables.registration_qa, tables.parameters.registration.rig
    turns = qa.reindex(columns=["rotation_deg", "scale"]).fillna({"rotation_deg": 0, "scale": 1})
    turned = int(((turns["rotation_deg"] != 0) | (turns["scale"] != 1)).sum())
    shared = f"; captures of one {'study' if rig == 'all' else rig} shared one transform" if rig else ""
    return (f"; a rotation or another scale was found in {turned} of them" if turned else "") + shared


def _split(tables: ReportTables) -> str:
    if tables.partitions.empty:
        return ""
    counts = tables.partitions["partition"].value_counts()
    parts = ", ".join(f"{counts.get(part, 0)} {part}" for part in ("train", "validation", "test"))
    split = tables.parameters.split
    how = "at random"
    if split.held_out is not None:
        how += f", each {split.held_out} in one part,"
    elif split.stratify in tables.specimen_index:
        how += f" within {split.stratify}"
    return f"Specimens were divided {how} (seed {split.seed}) into {parts}."


def _models(tables: ReportTables) -> str:
    if not tables.histories:
        return "No model was trained."
    training, names = tables.parameters.training, tables.names
    variants = ", ".join(names.label(variant) for variant in tables.histories)
    start = "pretrained" if training.pretrained else "randomly initialised"
    epochs = max(len(history) for history in tables.histories.values())
    seeds = ", ".join(map(str, tables.seeds))
    validation = "validation_recall_at_1"
    has_choice = any(validation in one and one[validation].notna().any() for one in tables.histories.values())
    kept = " whose validation recall@1 was within one standard error of the best" if has_choice else ""
    return (
        f"Contrastive models ({variants}; {training.backbone}, {start}) were trained without labels "
        f"for up to {epochs} epochs (AdamW, Loshchilov & Hutter 2019, {_rates(training, names)}, "
        f"batch {training.batch_size}, {_loss(tables)}; seed {seeds}); the last epoch{kept} was kept."
    )


def _rates(training: TrainingParams, names: ModalityNames) -> str:
    own = {names.rgb: training.lr_rgb, names.uv: training.lr_uv}
    special = [f", {rate:g} in the {name} encoder" for name, rate in own.items() if rate is not None]
    return f"learning rate {training.lr:g}{''.join(special)}"


def _loss(tables: ReportTables) -> str:
    """Temperature and weights; of variants that see one modality there is one term."""
    loss = tables.parameters.loss
    learnt = f"temperatures learnt from {loss.temperature:g} on, one per term"
    temperature = learnt if loss.adaptive_temperature else f"temperature {loss.temperature:g}"
    within = "NT-Xent, Chen et al. 2020"
    if not set(tables.histories) & set(STRATEGIES):
        return f"{within}, {temperature}"
    cross, intra, path = _moving_weights(loss)
    joint = f"{loss.joint_weight:g} joint"
    if loss.joint_weight > 0 and loss.joint_mode == "comm":
        joint += " (CoMM, Dufumier et al. 2025)"
    return (
        f"{temperature}, weights {cross} cross-modal (InfoNCE, Radford et al. 2021), "
        f"{intra} intra-modal ({within}){path}, {joint}"
    )


def _moving_weights(loss: LossParams) -> tuple[str, str, str]:
    """Weights of the cross-modal and intra-modal terms, and the path that a curriculum takes them."""
    if loss.curriculum == "none":
        return f"{loss.cross_modal_weight:g}", f"{loss.intra_modal_weight:g}", ""
    start, end = loss.curriculum_start, loss.curriculum_end
    path = {"linear": "along a line", "cosine": "along half a cosine"}[loss.curriculum]
    return (
        f"from {start.cross_modal:g} to {end.cross_modal:g}",
        f"from {start.intra_modal:g} to {end.intra_modal:g}",
        f" {path} over the training",
    )


def _evaluation(tables: ReportTables) -> str:
    if tables.comparison.empty:
        return ""
    params = tables.parameters.evaluation
    return (
        "Retrieval was measured on held-out specimens, with ties at their expectation. Labels were predicted "
        f"by logistic regression in {params.folds} folds stratified by class and grouped by specimen, with "
        f"scaling and regularisation chosen inside each fold; intervals are 95 % over "
        f"{params.bootstraps} bootstraps (protocol: {params.protocol})."
    )


def _alignment(tables: ReportTables) -> str:
    """Which Mantel tests were made: those that left a p-value in any variant."""
    found = [metrics.get("alignment", {}) for metrics in tables.metrics.values()]
    scopes = {"p_value_within": "within species", "p_value_among": "among species means"}
    tested = [name for key, name in scopes.items() if any(isinstance(one.get(key), float) for one in found)]
    if not tested and any(isinstance(one.get("p_value"), float) for one in found):
        tested = ["over all specimens"]
    if not tested:
        return ""
    return (
        "Alignment of the two similarity structures is a Spearman correlation of pairwise similarities with "
        f"Mantel tests (Mantel 1967; {tables.parameters.evaluation.permutations} permutations) "
        f"{' and '.join(tested)}."
    )


def _uv_value(tables: ReportTables) -> str:
    if tables.uv_value.empty:
        return ""
    names, params = tables.names, tables.parameters.evaluation
    permutations = params.permutations
    if "permutations" in tables.uv_value and tables.uv_value["permutations"].notna().any():
        permutations = int(tables.uv_value["permutations"].max())
    return (
        f"What {names.uv} adds to {names.rgb} was tested per species with at least {params.minimum_n} "
        f"specimens per class, as the class difference in {names.uv} given {names.rgb} with a slope per "
        f"species (Freedman & Lane 1983, {permutations} permutations within species), with false discoveries "
        "corrected (Benjamini & Hochberg 1995) over all species, labels and "
        f"views{_within(tables)}; features: "
        f"{params.uv_value_features}, reduced to at most {params.components} components per modality."
    )


def _within(tables: ReportTables) -> str:
    confounders = tables.parameters.specimens.confounders
    return f", classes compared within {', '.join(confounders)}" if confounders else ""


def _provenance(tables: ReportTables) -> str:
    versions = package_versions()
    shown = ", ".join(
        f"{name} {versions[name]}"
        for name in ("xmodal-pipeline", "torch", "scikit-learn")
        if name in versions
    )
    digest = hash_captures(tables.specimen_index)
    data = f"; data SHA-256 {digest[:16]}" if digest else ""
    return f"Software: Python {versions['python']}{', ' if shown else ''}{shown}{data}."
