"""The words of the tables of numbers: what columns hold, in the order in which they are listed and drawn."""

from typing import Final

MODALITIES: Final = ("rgb", "uv")
SOURCES: Final = ("rgb", "uv", "combined", "joint")
"""What a number was read from: one modality, both side by side, the fused embedding."""
OWN_SOURCES: Final = ("joint", "combined", "rgb", "uv")
"""What stands for a model as a whole: the first of these that it has."""
DIRECTIONS: Final = ("rgb_to_uv", "uv_to_rgb")

RETRIEVAL: Final = "retrieval"
OPPOSITE_VIEWS: Final = "retrieval_opposite_views"
WITHIN_SPECIES: Final = "retrieval_within_species"
SPECIES_ORACLE: Final = "retrieval_species_oracle"
OPPOSITE_WITHIN_SPECIES: Final = f"{OPPOSITE_VIEWS}_within_species"
OPPOSITE_SPECIES_ORACLE: Final = f"{OPPOSITE_VIEWS}_species_oracle"
CLASSIFICATION: Final = "classification"
KNN: Final = "classification_knn"
TEST_ONLY: Final = "classification_test_only"
CONTROL: Final = "classification_control"
BY_STRATUM: Final = "classification_by_stratum"
ALIGNMENT: Final = "alignment"
GEOMETRY: Final = "geometry"
PREDICTABILITY: Final = "predictability"
TASKS: Final = (
    *(RETRIEVAL, OPPOSITE_VIEWS, WITHIN_SPECIES, SPECIES_ORACLE),
    *(OPPOSITE_WITHIN_SPECIES, OPPOSITE_SPECIES_ORACLE),
    *(CLASSIFICATION, KNN, TEST_ONLY, CONTROL, BY_STRATUM),
    *(ALIGNMENT, GEOMETRY, PREDICTABILITY),
)

HELD_FIXED: Final = "held_fixed"
"""Row of the alignment whose text names the columns within whose classes specimens are permuted."""
ABOVE_STRATA: Final = "_above_strata"
"""How a measure of what a label has beyond the species ends."""
UV_MINUS_RGB: Final = "uv_minus_rgb"
CHANCE: Final = "chance"
"""The baseline that knows nothing."""
SPECIES_ONLY: Final = "species_only"
"""The baseline that knows the species; it is not asked for labels that the species has by itself."""

ALPHA: Final = 0.05
"""A claim needs a p, or a corrected p, of at most this."""
UV_CLAIMS: Final = ("uv_only", "uv_adds")
"""Verdicts of `uv_value` that say that UV adds."""
COLOUR: Final = "colour"
"""The set of features that needs no training."""
TOO_FEW: Final = "too few"
"""How the reason begins where n cannot carry a number."""
ONE_MODALITY: Final = "one modality"
"""How the reason begins where a model has not seen both."""

COMPARISON_COLUMNS: Final = (
    *("name", "kind", "task", "label", "metric", "value", "low", "high", "n", "chance", "p", "protocol"),
    *("source", "direction", "k", "stratum", "text", "reason"),
)
"""`kind` is variant or baseline. `label` is the label of the specimens in classification, the direction in
retrieval, the target in predictability. `k` is of recall@k. `stratum` is the species of a row of one species.
`text` is a word in the place of a number, `reason` why there is neither; both are "" elsewhere."""
COMPARISON_NUMBERS: Final = ("value", "low", "high", "n", "chance", "p")
DIFFERENCE_COLUMNS: Final = (
    *("a", "b", "family", "task", "label", "metric", "features_a", "features_b", "value_a", "value_b"),
    *("difference", "low", "high", "p", "p_adjusted", "n", "n_seeds", "seed_sd_a", "seed_sd_b", "protocol"),
)
"""`family` is baselines where `b` is one, else models; p is corrected within a task and family."""
