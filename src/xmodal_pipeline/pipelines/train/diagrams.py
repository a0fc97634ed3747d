"""What each variant's model is made of, drawn for Kedro-Viz; torch-free, as the pipeline registry is."""

from collections.abc import Callable

from kedro.pipeline.preview_contract import MermaidPreview

from xmodal_pipeline.params.variants import BASELINES, default_variants

_NAMES = {"rgb": "RGB", "uv": "UV"}


def preview_model(variant: str) -> Callable[[], MermaidPreview]:
    """For a node's `preview_fn`."""
    return lambda: MermaidPreview(draw_model(variant))


def draw_model(variant: str) -> str:
    """The model of a variant as a Mermaid flow chart, from bands to projections.

    Args:
        variant: among `params.variants.VARIANTS`.
    """
    if variant in BASELINES:
        modality = variant.removesuffix("_only")
        return "\n".join(["flowchart TB", _encode(modality, "encoder"), *_heads([modality])])
    params = default_variants()[variant]
    is_specific, fusion = params.use_modality_specific, params.fusion_type
    parts = ["rgb", "uv", "joint"] if params.joint_is_learnt else ["rgb", "uv"]
    shared = "one encoder, a stem for each"
    if fusion == "concat" and not is_specific:
        lines = [
            'rgb["RGB bands, UV at 0"] --> encoder["one encoder over all bands"]',
            'uv["UV bands, RGB at 0"] --> encoder',
            'both["all bands, in training at times one modality at 0"] --> encoder',
            *(f'encoder --> feature_{part}("{_feature(part)}")' for part in parts),
        ]
    elif fusion == "attention":
        lines = [
            *(_encode(one, f"encoder_{one}" if is_specific else "encoder", "tokens") for one in _NAMES),
            *(
                f'tokens_{one} --> query_{part}["{part.upper() if part in _NAMES else part} query attends"]'
                for part, seen in (("rgb", ["rgb"]), ("uv", ["uv"]), ("joint", ["rgb", "uv"]))
                for one in seen
            ),
            *(f'query_{part} --> feature_{part}("{_feature(part)}")' for part in parts),
        ]
    else:
        lines = [_encode(one, f"encoder_{one}" if is_specific else "encoder") for one in _NAMES]
        joined = (
            'concatenate["side by side, one hidden layer"]'
            if fusion == "concat"
            else 'mean["mean direction"]'
        )
        lines.append(f'feature_rgb & feature_uv --> {joined} --> feature_joint("joint feature")')
    if not is_specific and fusion != "concat":
        lines.append(f'encoder["{shared}"]')
    linear = [
        'pixels["coarse pixels"] --> linear["PCA + CCA"]',
        "linear -.-> projection_rgb & projection_uv",
    ]
    return "\n".join(["flowchart TB", *lines, *_heads(parts), *linear])


def _encode(modality: str, encoder: str, output: str = "feature") -> str:
    made = f'{output}_{modality}("{_NAMES[modality]} {output}")'
    return f'{modality}["{_NAMES[modality]} bands"] --> {encoder}["encoder"] --> {made}'


def _feature(part: str) -> str:
    return f"{_NAMES.get(part, part)} feature"


def _heads(parts: list[str]) -> list[str]:
    return [
        f'feature_{part} --> head_{part}["head"] --> projection_{part}("{_NAMES.get(part, part)} projection")'
        for part in parts
    ]
