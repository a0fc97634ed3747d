"""Tables of `evaluate`, `compare` and `ablation`: numbers, and what they rest on."""

from typing import Final

from xmodal_pipeline.dictionary.column import (
    COLOUR_UNITS,
    COUNT,
    FEATURES,
    PIXELS,
    SHARE,
    UNITLESS,
    Column,
    Table,
)

_METRIC = "of the metric"
_P = "p"
_AUC = "AUC, 0 to 1"
_ADDS = "squared SDs of UV given RGB"

_MEASURE = {
    "task": Column("What was measured, such as `retrieval`, `classification` or `alignment`."),
    "label": Column("Label of the specimens; direction in retrieval; target in predictability."),
    "metric": Column("Measure, such as `recall@1` or `joint_accuracy`."),
}
_NUMBER = {
    "value": Column("The number; empty: `text` or `reason` says why.", _METRIC),
    "low": Column("Lower end of its 95 % interval.", _METRIC),
    "high": Column("Upper end.", _METRIC),
    "n": Column("Specimens behind it.", COUNT),
    "chance": Column("What knowing nothing would give.", _METRIC),
    "p": Column("p against chance.", _P),
    "protocol": Column("Name of the evaluation's settings."),
    "source": Column("What was read: `rgb`, `uv`, `combined` (side by side), `joint`; empty: all."),
    "direction": Column("`rgb_to_uv` or `uv_to_rgb`, in retrieval."),
    "k": Column("k of recall@k.", COUNT),
    "stratum": Column("Species, of a row of one species."),
}
_COMPARISON = {
    "name": Column("Variant or baseline."),
    "kind": Column("`variant` or `baseline`."),
    **_MEASURE,
    **_NUMBER,
    "text": Column("A word in the place of a number; else empty."),
    "reason": Column("Why there is no number; else empty."),
}
_DIFFERENCES = {
    "a": Column("First model."),
    "b": Column("Second model, or baseline."),
    "family": Column("`models`, or `baselines` where `b` is one: what `p_adjusted` is corrected within."),
    **_MEASURE,
    "features_a": Column("What of `a` was measured."),
    "features_b": Column("What of `b` was measured."),
    "value_a": Column("Value of `a`, mean over its seeds.", _METRIC),
    "value_b": Column("Value of `b`.", _METRIC),
    "difference": Column("`a` less `b`, on the same specimens.", _METRIC),
    "low": Column("Lower end of its 95 % interval.", _METRIC),
    "high": Column("Upper end.", _METRIC),
    "p": Column("p by flips of specimens' signs.", _P),
    "p_adjusted": Column("p corrected over all rows of task and family (Westfall & Young).", _P),
    "n": Column("Specimens.", COUNT),
    "n_seeds": Column("Seeds of the side that has fewer.", COUNT),
    "seed_sd_a": Column("SD between seeds of `a`; empty for one.", _METRIC),
    "seed_sd_b": Column("SD between seeds of `b`; empty for one.", _METRIC),
    "protocol": Column("Name of the evaluation's settings."),
}
_SHOWN = {
    "species": Column("Species; `all species` or a clade in pooled rows."),
    "label": Column("Label of two classes."),
    "view": Column("Side that was photographed; empty without."),
    "patch": Column("Region; empty for learnt features."),
    "features": Column("`colour`, or the variant whose features were tested."),
    "n_1": Column("Specimens of the first class.", COUNT),
    "n_2": Column("Specimens of the second.", COUNT),
    "auc_rgb": Column("How well RGB separates the classes, leave-pair-out.", _AUC),
    "auc_uv": Column("How well UV does.", _AUC),
    "auc_both": Column("How well both do.", _AUC),
    "uv_adds": Column("Squared distance of the classes in UV given RGB, not below 0.", _ADDS),
    "low": Column("Lower end of its 95 % interval.", _ADDS),
    "high": Column("Upper end.", _ADDS),
    "p": Column("p of UV adding nothing.", _P),
    "q": Column("p corrected over the family (Benjamini & Hochberg).", "q"),
    "noise_tip": Column("Largest noise of a capture under which the claim would stand.", "SD of features"),
    "tip": Column("Lowest reliability of RGB under which it would.", SHARE),
    "verdict": Column("`uv_adds`, `uv_only`, `rgb_suffices`, `unresolved` or `too_few`."),
}
_BEHIND = {
    "family": Column("`primary`: named beforehand; `exploratory`: corrected by itself."),
    "scope": Column("`species`, or pooled: `clade`, `all`."),
    "classes": Column("Both classes, first and second."),
    "is_eligible": Column("Whether both classes have `minimum_n` specimens."),
    "n_unlabelled": Column("Specimens without the label.", COUNT),
    "n_set_aside": Column("Specimens set aside as far from their class.", COUNT),
    "set_aside": Column("Their names, joined by `;`."),
    "uv_adds_unbiased": Column("`uv_adds` before it is clipped at 0; means over species take it.", _ADDS),
    "uv_adds_se": Column("Its standard error.", _ADDS),
    "uv_adds_upper": Column("One-sided upper 95 % limit of `uv_adds`.", _ADDS),
    "auc_rgb_upper": Column("One-sided upper 95 % limit of RGB's AUC, not below `auc_rgb`.", _AUC),
    "p_rgb": Column("p of RGB not separating the classes.", _P),
    "q_rgb": Column("The same, corrected.", "q"),
    "p_uv": Column("p of UV by itself not separating them; empty for learnt features.", _P),
    "q_uv": Column("The same, corrected.", "q"),
    "uv_difference": Column(
        "UV of the second class less that of the first, mean over bands; empty for learnt features.",
        "log units",
    ),
    "n_repeated": Column("Specimens with several captures, of all species.", COUNT),
    "noise_sd": Column("SD of a capture of RGB, from these; compare with `noise_tip`.", "SD of features"),
    "noise_low": Column("Lower end of its 95 % interval.", "SD of features"),
    "noise_high": Column("Upper end.", "SD of features"),
    "reliability": Column("Reliability of RGB's score, from repeats; empty without.", SHARE),
    "columns": Column("Columns of UV behind the test.", COUNT),
    "df": Column("Degrees of freedom of its denominator.", UNITLESS),
    "n_species": Column("Species pooled.", COUNT),
    "n_carry": Column("Species of them whose `low` is above 0.", COUNT),
}
_SPECIMENS = {
    "specimens": Column(
        "`all`; exploratory: `test`, test specimens only; `unflagged`, without flagged captures, corrected "
        "as the primary rows."
    )
}
_UV_VALUE = _SHOWN | _BEHIND | _SPECIMENS

NUMBER_TABLES: Final = {
    "numbers_{model}": Table("a number of a variant, or of the baselines", _COMPARISON),
    "contributions_{model}": Table(
        "what a specimen adds to a number",
        {
            "name": Column("Variant or baseline."),
            **_MEASURE,
            "source": Column("What it was read from."),
            "specimen_id": Column("Specimen."),
            "value": Column("Its part; the parts of a number add up to it.", _METRIC),
            "stratum": Column("Group that resamples keep, such as the class.", "code"),
            "folds": Column("Folds behind the number; 0: nothing was fitted.", COUNT),
        },
    ),
    "comparison": Table("a number of a variant or baseline", _COMPARISON),
    "differences": Table("a measure, of two models", _DIFFERENCES),
    "compared": Table("a measure, of two models, other runs among them", _DIFFERENCES),
    "uv_value": Table("a species, label, view, patch and set of features", _UV_VALUE),
    "uv_value_colour": Table("as `uv_value`, of `colour` alone", _UV_VALUE),
    "colour_summary": Table(
        "as `uv_value_colour`, what a reader needs",
        {
            **{name: column for name, column in _SHOWN.items() if name != "features"},
            "classes": _BEHIND["classes"],
            "colour_units": COLOUR_UNITS,
            "compared_within": Column("Confounders within whose classes it was compared."),
            "confounded_with": Column("Confounders that the label goes together with."),
        },
    ),
    "uv_value_seeds": Table(
        "as `uv_value`, the median over trainings of the learnt set; none of one training",
        _SHOWN
        | _BEHIND
        | {
            "n_seeds": Column("Trainings; empty for `colour`.", COUNT),
            "n_held": Column("Trainings in which it was claimed; empty for `colour`.", COUNT),
        },
    ),
    "species_table": Table(
        "a species, label, view and set of features, for phylogenetic methods",
        {
            **{name: _SHOWN[name] for name in ("species", "label", "view", "features", "n_1", "n_2")},
            **{name: _SHOWN[name] for name in ("uv_adds", "low", "high")},
            **{name: _BEHIND[name] for name in ("classes", "uv_adds_unbiased", "uv_adds_se")},
            "tip": Column("Tip of `specimens.tree`; empty: none."),
        },
    ),
    "{variant}.species_means": Table(
        "a species in a view and modality: the mean embedding of its specimens",
        {
            "species": Column("Species."),
            "tip": Column("Tip of `specimens.tree`; empty: none."),
            "view": Column("Side that was photographed; empty without."),
            "modality": FEATURES["modality"],
            "n_specimens": Column("Specimens.", COUNT),
            "x*": FEATURES["x*"],
        },
    ),
    "{variant}.uv_maps": Table(
        "a pixel of a class's mean image, of each claim that the learnt features make",
        {
            "label": Column("Label of the claim."),
            "species": Column("Species of the claim."),
            "view": Column("Side that was photographed; empty without."),
            "class": Column("Class of the label that the image and the map are of."),
            "n": Column("Specimens that were averaged.", COUNT),
            "n_class": Column("Specimens of the class, of which these are the first by name.", COUNT),
            "row": Column("From the top of the prepared image.", PIXELS),
            "column": Column("From its left.", PIXELS),
            "coverage": Column("Specimens that have the pixel.", SHARE),
            "uv": Column("Mean of the UV bands.", "unit scale"),
            "influence": Column(
                "How far UV there says this class; negative says the other.", "SD within classes"
            ),
        },
    ),
    "ablation": Table(
        "a number of a cell of the grid, or of a baseline",
        {
            "cell": Column("Name of the cell; empty: a baseline."),
            "*.*": Column("Each key of the grid.", "", False),
            "variant": Column("Variant, or baseline."),
            "training.seed": Column("Seed of the training; empty: a baseline."),
            "setting": Column("Everything of the cell but its seed, in words."),
            "is_base": Column("Whether it has the study's own parameters, but for the seed."),
            "is_selected": Column("Whether its setting does best on validation."),
            "partition": Column("`validation`, `test` or `all`."),
            **_MEASURE,
            **_NUMBER,
        },
    ),
    "seed_spread": Table(
        "a measure of a variant, over seeds of the study's own parameters",
        {
            "name": Column("Variant."),
            "partition": Column("`validation`, `test` or `all`."),
            **_MEASURE,
            "mean": Column("Mean over seeds.", _METRIC),
            "sd": Column("SD between seeds; empty for one.", _METRIC),
            "n_seeds": Column("Seeds.", COUNT),
            "stratum": _NUMBER["stratum"],
        },
    ),
}
