"""Tables of `train`, `embed` and `apply`: how models learnt, and their vectors."""

from typing import Final

from xmodal_pipeline.dictionary.column import COUNT, FEATURES, SHARE, UNITLESS, Column, Table

_PROBABILITY = "probability"
_HISTORY = {
    "epoch": Column("Epoch, from 0.", COUNT),
    "step": Column("Steps of the optimiser so far.", COUNT),
    "lr": Column("Learning rate at its end.", UNITLESS),
    "loss": Column("Combined loss, mean over the epoch.", "nats"),
    "loss_*": Column("Each term before its weight.", "nats"),
    "weight_*": Column("Weight of each term.", UNITLESS),
    "spread_*": Column("Spread of a modality's projections: 1 uniform on the sphere, 0 collapsed.", SHARE),
    "modality_gap": Column("Distance of the modalities' mean projections.", "0 to 2", False),
    "temperature_*": Column("Temperature of each term.", UNITLESS),
    "grad_cosine": Column("Cosine of the loss's gradients by the two modalities.", "−1 to 1", False),
    "grad_norm_*": Column("Norm of the gradient at a modality's encoder.", UNITLESS),
    "validation_recall_at_1": Column("Validation specimens whose match comes first.", SHARE),
    "validation_match_above_other": Column("Chance that the match ranks above another.", _PROBABILITY),
    "seconds": Column("Time that it took.", "s"),
    "is_kept": Column("Whether the checkpoint is of this epoch."),
    "linear_share": Column("Share of PCA + CCA of pixels in a similarity.", SHARE),
}
_ENCODER = {"encoder": Column("Which encoder that learnt nothing here.")}

MODEL_TABLES: Final = {
    "{variant}.history": Table("an epoch of a variant", _HISTORY),
    "histories": Table("an epoch of a variant", _HISTORY | {"variant": Column("Variant.")}),
    "diagnostics": Table(
        "something that looks wrong in training",
        {
            "code": Column("What, as a code; the reference of codes says more."),
            "variant": Column("Variant; `all` where it is the data's."),
            "finding": Column("What was found, in words."),
            "advice": Column("What to do, and where to read on."),
        },
    ),
    "{variant}.embeddings": Table("a capture in a modality: features, for probes and `uv_value`", FEATURES),
    "{variant}.embeddings_csv": Table(
        "as the embeddings, with labels and a map",
        FEATURES
        | {
            "umap_x": Column("Place on the UMAP of its modality; empty: not drawn.", UNITLESS),
            "umap_y": Column("Place on the other axis.", UNITLESS),
            "*": Column("A label; `_label` stands behind a name that another column has.", "", False),
        },
    ),
    "{variant}.projections": Table("a capture in a modality: one space, for retrieval", FEATURES),
    "{variant}.opposite_views": Table("a capture in a modality, each warped independently", FEATURES),
    "unlearnt_{table}": Table("as the variants' table, of encoders without training", FEATURES | _ENCODER),
    "{what}_views": Table("a capture in a modality under a warp: silhouettes, colours or pixels", FEATURES),
    "applied_embeddings": Table("a new capture in a modality", FEATURES),
    "applied_projections": Table("a new capture in a modality", FEATURES),
}
