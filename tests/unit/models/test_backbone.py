"""Finding timm models and fitting them to band counts and image sizes."""

import huggingface_hub.constants
import pytest
import torch

from xmodal_pipeline.models import check_backbone
from xmodal_pipeline.models.backbone import BackboneSpec, create_backbone
from xmodal_pipeline.models.encoder import Encoder


def spec(name, image_size=64, **changes):
    defaults = {"pretrained": False, "gradient_checkpointing": False, "rgb_bands": 3, "uv_bands": 2}
    return BackboneSpec(name=name, image_size=image_size, **(defaults | changes))


@pytest.mark.parametrize("name", ["resnet18", "resnet18.a1_in1k", "vit_base_patch16_224", "test_vit"])
def test_timm_names_pass(name):
    check_backbone(name)


@pytest.mark.parametrize(
    ("name", "nearest"), [("resnet19", "resnet1"), ("vit_base_patch16_225", "vit_base_patch16_224")]
)
def test_unknown_name_lists_the_nearest(name, nearest):
    with pytest.raises(ValueError, match=f"got '{name}'; the nearest are .*{nearest}"):
        check_backbone(name)


def test_a_name_like_no_other_points_to_the_list():
    with pytest.raises(ValueError, match=r"see timm.list_models\(\)"):
        check_backbone("????")


def test_unknown_tag_lists_the_tags():
    with pytest.raises(ValueError, match=r"its weights are .*resnet18\.a1_in1k"):
        check_backbone("resnet18.nonsense")


def test_backbone_without_weights_cannot_be_pretrained():
    check_backbone("resnetblur18")
    with pytest.raises(ValueError, match="pretrained must be false for backbone 'resnetblur18'"):
        check_backbone("resnetblur18", pretrained=True)


def test_weights_out_of_reach_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match="weights of backbone 'test_resnet' must be in the local cache"):
        create_backbone(spec("test_resnet", pretrained=True), bands=(3,))


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
@pytest.mark.parametrize("bands", [1, 2, 3, 6])
def test_stem_takes_any_band_count_and_uses_each_band(name, bands):
    encoder = Encoder(spec(name), bands=(bands,), output="features").eval()
    image = torch.randn(1, bands, 64, 64, generator=torch.Generator().manual_seed(0))
    reference = encoder(image)
    for band in range(bands):
        changed = image.clone()
        changed[:, band] += 1.0
        assert (encoder(changed) - reference).abs().max() > 1e-5, band


def test_image_size_a_backbone_refuses_is_named():
    with pytest.raises(ValueError, match="must accept images of 64 px, got 'levit_128s'"):
        Encoder(spec("levit_128s"), bands=(3,), output="features")


def test_checkpointing_a_backbone_refuses_is_named():
    with pytest.raises(ValueError, match="gradient_checkpointing must be false for backbone 'selecsls42'"):
        Encoder(spec("selecsls42", gradient_checkpointing=True), bands=(3,), output="features")
