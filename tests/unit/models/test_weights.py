"""Weights from files: under whose names, for how many bands, and what is refused."""

import pickle

import open_clip
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.models.encoder import Encoder
from xmodal_pipeline.models.weights import (
    fingerprint,
    pretrained_backbone,
    read_weights,
    standardise_for_weights,
)

LITE0 = "tf_efficientnet_lite0"


def encoder(path, bands=(3,), name="resnet18", image_size=64):
    spec = BackboneSpec(name, False, image_size, False, rgb_bands=3, uv_bands=1, weights=path)
    return Encoder(spec, bands=bands, output="features").eval()


def images(size=64, bands=3):
    return torch.randn(2, bands, size, size, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def resnet_file(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(torchvision.models.resnet18(num_classes=7).state_dict(), path)
    return path


def test_the_package_of_lite0_is_read_in_its_order(lite0_file):
    theirs = torch.load(lite0_file, weights_only=True)
    ours = pretrained_backbone(LITE0, lite0_file).state_dict()
    pairs = {
        "conv_stem.weight": "_conv_stem.weight",
        "blocks.1.0.conv_pw.weight": "_blocks.1._expand_conv.weight",
        "blocks.1.1.bn2.running_var": "_blocks.2._bn1.running_var",
        "blocks.6.0.conv_pwl.weight": "_blocks.15._project_conv.weight",
        "bn2.bias": "_bn1.bias",
    }
    for own, other in pairs.items():
        torch.testing.assert_close(ours[own], theirs[other])
    assert len(ours) == len(theirs) - 2, "all but the classifier"


def test_a_file_that_is_sorted_by_name_has_no_order_to_go_by(lite0_file, tmp_path):
    weights = torch.load(lite0_file, weights_only=True)
    save_file({name: one.contiguous() for name, one in weights.items()}, tmp_path / "sorted.safetensors")
    with pytest.raises(
        ValueError, match=r"weights must be those of backbone .*Missing.*conv_stem.weight.*Unexpected"
    ):
        pretrained_backbone(LITE0, tmp_path / "sorted.safetensors")


def test_names_of_timm_pass_in_safetensors(tmp_path):
    timm_model = timm.create_model("test_resnet").eval()
    save_file(timm_model.state_dict(), tmp_path / "w.safetensors")
    x = images()
    expected = timm_model.forward_head(timm_model.forward_features(x), pre_logits=True)
    torch.testing.assert_close(encoder(tmp_path / "w.safetensors", name="test_resnet")(x), expected)


def test_torchvision_resnet_gives_its_own_features(resnet_file):
    theirs = torchvision.models.resnet18(num_classes=7)
    theirs.load_state_dict(torch.load(resnet_file, weights_only=True))
    theirs.fc = torch.nn.Identity()
    x = images()
    torch.testing.assert_close(encoder(resnet_file)(x), theirs.eval()(x))


def test_torchvision_efficientnet_gives_its_own_features(tmp_path):
    theirs = torchvision.models.efficientnet_b0().eval()
    torch.save(theirs.state_dict(), tmp_path / "b0.pth")
    theirs.classifier = torch.nn.Identity()
    x = images()
    torch.testing.assert_close(encoder(tmp_path / "b0.pth", name="efficientnet_b0")(x), theirs(x))


def test_torchvision_convnext_gives_its_own_features(tmp_path):
    block = torchvision.models.convnext.CNBlockConfig
    theirs = torchvision.models.ConvNeXt(
        [block(24, 32, 1), block(32, 48, 2), block(48, 64, 4), block(64, None, 2)]
    )
    for name, parameter in theirs.named_parameters():
        if name.endswith("layer_scale"):
            torch.nn.init.constant_(parameter, 0.5)
    torch.save(theirs.state_dict(), tmp_path / "c.pth")
    theirs.classifier[2] = torch.nn.Identity()
    own = encoder(tmp_path / "c.pth", name="test_convnext")(images())
    # timm's small model approximates the GELU by a tanh.
    torch.testing.assert_close(own, theirs.eval()(images()), rtol=0.02, atol=0.01)


def test_torchvision_vit_gives_its_own_features(tmp_path):
    theirs = torchvision.models.VisionTransformer(160, 16, 6, 2, 64, 192).eval()
    with torch.no_grad():
        theirs.class_token.normal_()
    torch.save(theirs.state_dict(), tmp_path / "vit.pth")
    theirs.heads = torch.nn.Identity()
    own = encoder(tmp_path / "vit.pth", name="test_vit", image_size=160)
    torch.testing.assert_close(own(images(160)), theirs(images(160)), rtol=1e-4, atol=1e-5)


def test_open_clip_gives_the_features_before_its_projection(tmp_path):
    """As BioCLIP is stored: the names of OpenAI's CLIP, with the text's tower beside them."""
    torch.manual_seed(0)
    vision = open_clip.model.CLIPVisionCfg(layers=10, width=256, head_width=64, patch_size=16, image_size=224)
    text = open_clip.model.CLIPTextCfg(context_length=8, vocab_size=50, width=16, heads=1, layers=1)
    clip = open_clip.model.CLIP(64, vision, text).eval()
    torch.save(
        {"state_dict": {f"module.{key}": value for key, value in clip.state_dict().items()}},
        tmp_path / "c.bin",
    )
    clip.visual.proj = None
    own = encoder(tmp_path / "c.bin", name="vit_xsmall_patch16_clip_224", image_size=224)
    torch.testing.assert_close(own(images(224)), clip.visual(images(224)), rtol=1e-4, atol=1e-4)


def test_one_band_is_seen_as_a_grey_image(resnet_file):
    grey = images(bands=1)
    expected = encoder(resnet_file)(grey.repeat(1, 3, 1, 1))
    torch.testing.assert_close(encoder(resnet_file, (1,))(grey), expected, rtol=1e-4, atol=1e-5)


def test_two_bands_take_two_filters_at_three_halves(resnet_file):
    own, three = encoder(resnet_file, (2,)), encoder(resnet_file)
    torch.testing.assert_close(own.backbone.conv1.weight, 1.5 * three.backbone.conv1.weight[:, :2])


def test_a_modality_alone_in_a_shared_stem_is_seen_as_by_an_encoder_of_its_own(resnet_file):
    shared, rgb = encoder(resnet_file, (3, 1)), images()
    blank = torch.zeros(2, 1, 64, 64)
    torch.testing.assert_close(
        shared(torch.cat([rgb, blank], 1)), encoder(resnet_file)(rgb), rtol=1e-4, atol=1e-5
    )
    uv = images(bands=1)
    alone = shared(torch.cat([torch.zeros_like(rgb), uv], 1))
    torch.testing.assert_close(alone, encoder(resnet_file, (1,))(uv), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.pop("layer2.0.bn1.bias"), r"Missing key\(s\) in state_dict: \"layer2.0.bn1.bias\""),
        (lambda w: w.update(extra=torch.zeros(1)), r"Unexpected key\(s\) in state_dict: \"extra\""),
        (lambda w: w.update({"layer1.0.bn1.bias": torch.zeros(5)}), r"size mismatch for layer1.0.bn1.bias"),
    ],
)
def test_what_does_not_fit_is_named(resnet_file, tmp_path, change, said):
    weights = torch.load(resnet_file, weights_only=True)
    change(weights)
    torch.save(weights, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=f"backbone 'resnet18', got 'other.pth' with {said}"):
        pretrained_backbone("resnet18", tmp_path / "other.pth")


@pytest.mark.parametrize("name", ["test_vit", "convnext_atto", "resnet34", LITE0])
def test_weights_of_another_model_are_refused(resnet_file, name):
    with pytest.raises(ValueError, match=f"weights must be those of backbone '{name}'"):
        pretrained_backbone(name, resnet_file)


class Evil:
    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_text("no weights"),
        lambda path: path.write_bytes(pickle.dumps({"weight": Evil()}, 2)),
        lambda path: torch.save({"weight": Evil()}, path),
        lambda path: torch.save({"epoch": 3}, path),
        lambda path: torch.save([torch.zeros(2)], path),
        lambda path: None,
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_without_weights_is_refused_and_nothing_in_it_runs(tmp_path, capsys, write, suffix):
    path = tmp_path / f"w{suffix}"
    write(path)
    with pytest.raises(ValueError, match="weights must be a safetensors file, or a torch file of tensors"):
        read_weights(path)
    assert "run" not in capsys.readouterr().out


def test_a_copy_elsewhere_has_the_same_fingerprint(resnet_file, tmp_path):
    copy = tmp_path / "copy.pth"
    copy.write_bytes(resnet_file.read_bytes())
    assert fingerprint(copy) == fingerprint(resnet_file)
    copy.write_bytes(resnet_file.read_bytes() + b"0")
    assert fingerprint(copy) != fingerprint(resnet_file)


STUDY = {"rgb": {"mean": [0.2, 0.3, 0.4], "sd": [0.1, 0.2, 0.3]}, "uv": {"mean": [0.05], "sd": [0.02]}}


def test_weights_of_imagenet_see_the_study_as_it_standardises_itself():
    found = standardise_for_weights("resnet18", STUDY)
    for modality, moments in STUDY.items():
        assert found[modality]["mean"] == pytest.approx(moments["mean"])
        assert found[modality]["sd"] == pytest.approx(moments["sd"])


def test_weights_with_a_configuration_of_their_own_see_natural_photographs_in_it():
    """Lite0 takes (x − .5) / .5: a pixel of the study's mean and one an SD above, red and grey."""
    found = standardise_for_weights(LITE0, STUDY)
    seen = [(x - found["rgb"]["mean"][0]) / found["rgb"]["sd"][0] for x in (0.2, 0.3)]
    assert seen == pytest.approx([(0.485 - 0.5) / 0.5, (0.485 + 0.229 - 0.5) / 0.5])
    mean, sd = (0.485 + 0.456 + 0.406) / 3, (0.229 + 0.224 + 0.225) / 3
    seen = [(x - found["uv"]["mean"][0]) / found["uv"]["sd"][0] for x in (0.05, 0.07)]
    assert seen == pytest.approx([(mean - 0.5) / 0.5, (mean + sd - 0.5) / 0.5])
