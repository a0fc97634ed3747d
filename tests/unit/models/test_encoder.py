"""Features and spatial tokens of timm backbones."""

import pytest
import timm
import torch
from torch import nn

from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.models.encoder import Encoder, remove_unused, spatial_tokens
from xmodal_pipeline.models.encoder_pair import EncoderPair

KINDS = ["test_resnet", "test_vit", "test_convnext", "test_mambaout", "test_efficientnet", "test_vit_relpos"]


def spec(name="test_resnet", image_size=64, **changes):
    defaults = {"pretrained": False, "gradient_checkpointing": False, "rgb_bands": 3, "uv_bands": 2}
    return BackboneSpec(name=name, image_size=image_size, **(defaults | changes))


def images(rows=2, bands=3, size=64, seed=0):
    return torch.randn(rows, bands, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", KINDS)
def test_features_are_those_of_timm(name):
    encoder = Encoder(spec(name), bands=(3,), output="features").eval()
    size = {"img_size": 64} if "vit" in name else {}
    plain = timm.create_model(name, num_classes=0, **size).eval()
    missing, unexpected = plain.load_state_dict(encoder.backbone.state_dict(), strict=False)
    assert not unexpected
    assert not missing, "nothing that timm's features need may be gone"
    x = images()
    torch.testing.assert_close(encoder(x), plain(x))


def test_cnn_tokens_read_the_map_row_by_row():
    encoded = torch.arange(2 * 3 * 2 * 4, dtype=torch.float32).view(2, 3, 2, 4)
    tokens = spatial_tokens(encoded, nn.Identity())
    assert tokens.shape == (2, 8, 3)
    assert tokens[1, 5].tolist() == encoded[1, :, 1, 1].tolist()


def test_channels_last_maps_give_the_same_tokens():
    encoded = torch.randn(2, 3, 2, 4)
    swin = nn.Identity()
    swin.output_fmt = "NHWC"
    assert torch.equal(
        spatial_tokens(encoded.permute(0, 2, 3, 1), swin), spatial_tokens(encoded, nn.Identity())
    )


def test_vit_tokens_leave_class_and_registers_out():
    vit = nn.Identity()
    vit.num_prefix_tokens = 3
    encoded = torch.randn(2, 7, 5)
    assert torch.equal(spatial_tokens(encoded, vit), encoded[:, 3:])


@pytest.mark.parametrize("name", [*KINDS, "test_vit2"])
def test_every_parameter_left_has_a_gradient(name):
    for output in ("features", "tokens"):
        encoder = Encoder(spec(name), bands=(3,), output=output)
        encoder(images(rows=3)).square().sum().backward()
        assert [n for n, p in encoder.named_parameters() if p.grad is None] == []


def test_unused_parameters_are_removed_and_used_ones_stay():
    module = nn.Module()
    module.used, module.head = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    module.loose = nn.Parameter(torch.ones(2))
    remove_unused(module, module.used(torch.ones(1, 2)))
    assert [name for name, _ in module.named_parameters()] == ["used.weight", "used.bias"]
    assert isinstance(module.head, nn.Identity)


@pytest.mark.parametrize("size", [16, 32, 48, 64, 96])
def test_small_images_still_give_several_tokens(size):
    encoder = Encoder(spec("test_resnet", size), bands=(3,), output="tokens").eval()
    tokens = encoder(images(size=size))
    assert tokens.shape[1] >= 4
    assert tokens.std(dim=1).max() > 1e-4, "tokens must differ from one another"


def test_a_single_token_is_refused():
    with pytest.raises(ValueError, match="at least two spatial tokens for attention, got one"):
        Encoder(spec("lcnet_035", 32), bands=(3,), output="tokens")


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_checkpointing_changes_no_gradient(name):
    gradients = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        encoder = Encoder(spec(name, gradient_checkpointing=checkpointing), bands=(3,), output="features")
        encoder(images()).square().sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in encoder.parameters()]))
    torch.testing.assert_close(gradients[1], gradients[0])


def test_building_moves_no_statistic_and_draws_nothing_beyond_the_weights():
    torch.manual_seed(0)
    plain = timm.create_model("test_resnet", num_classes=0)
    after_plain = torch.rand(1)
    torch.manual_seed(0)
    encoder = Encoder(spec(), bands=(3,), output="features")
    assert torch.equal(torch.rand(1), after_plain)
    for name, value in plain.state_dict().items():
        assert torch.equal(encoder.backbone.state_dict()[name], value), name


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
@pytest.mark.parametrize("uv_bands", [1, 3])
def test_shared_pair_is_one_encoder_with_a_stem_for_each(name, uv_bands):
    pair = EncoderPair(spec(name, uv_bands=uv_bands), shared=True, output="features").eval()
    assert pair.by_modality["rgb"] is pair.by_modality["uv"]
    assert pair.is_one_stem == (uv_bands == 3)
    rgb, uv = images(), images(bands=uv_bands, seed=1)
    of_rgb, of_uv = pair(rgb, uv)
    encoder = pair.encoder["shared"]
    if uv_bands == 3:
        expected = encoder(rgb), encoder(uv)
    else:
        blank = torch.zeros(2, 1, 64, 64), torch.zeros(2, 3, 64, 64)
        expected = encoder(torch.cat([rgb, blank[0]], 1)), encoder(torch.cat([blank[1], uv], 1))
    torch.testing.assert_close(of_rgb, expected[0])
    torch.testing.assert_close(of_uv, expected[1])


def test_specific_pair_has_two_encoders_each_for_its_own_input():
    pair = EncoderPair(spec(), shared=False, output="features").eval()
    assert pair.by_modality["rgb"] is not pair.by_modality["uv"]
    rgb, uv = images(), images(bands=2, seed=1)
    of_rgb, of_uv = pair(rgb, uv)
    torch.testing.assert_close(of_rgb, pair.encoder["rgb"](rgb))
    torch.testing.assert_close(of_uv, pair.encoder["uv"](uv))
