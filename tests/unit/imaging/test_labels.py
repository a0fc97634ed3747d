"""Labels in the file decide which band is which."""

import pytest

from xmodal_pipeline.imaging.labels import band_order, recognise_band

MICATOOLBOX = ("vR", "vG", "vB", "uB", "uR")
REFERENCE = ("R", "G", "B", "UV1", "UV2", "UV3", "mask")


@pytest.mark.parametrize(
    ("label", "band"),
    [
        ("visible:R", "vR"),
        ("v:G:Normalised", "vG"),
        ("IMG_0412.CR2:uv:B:Normalised", "uB"),
        ("u:R", "uR"),
        ("uv:r:normalized", "uR"),
        ("vR", "vR"),
        ("UB", "uB"),
        ("uv:G", None),
        ("R", None),
        ("slice 3", None),
        ("photo:R", None),
    ],
)
def test_micatoolbox_labels(label: str, band: str | None) -> None:
    assert recognise_band(label, MICATOOLBOX) == band


@pytest.mark.parametrize(
    ("label", "band"), [("visible:B", "B"), ("uv2", "UV2"), (" Mask ", "mask"), ("uv:R", None), ("UV", None)]
)
def test_labels_of_the_reference_layout(label: str, band: str | None) -> None:
    assert recognise_band(label, REFERENCE) == band


def test_labels_that_name_every_band_decide_the_order() -> None:
    labels = ["uv:R:Normalised", "uv:B:Normalised", "v:R:Normalised", "v:G:Normalised", "v:B:Normalised"]
    assert band_order(labels, MICATOOLBOX) == [2, 3, 4, 1, 0]


def test_unknown_labels_leave_the_order_of_the_layout() -> None:
    assert band_order(["a", "b", "c", "d", "e"], MICATOOLBOX) == [0, 1, 2, 3, 4]
    assert band_order(None, MICATOOLBOX) == [0, 1, 2, 3, 4]


def test_some_known_labels_may_agree_with_the_layout() -> None:
    assert band_order(["R", "G", "B", "x", "y", "z", "alpha"], REFERENCE) == list(range(7))


def test_some_known_labels_may_not_contradict_the_layout() -> None:
    with pytest.raises(ValueError, match="band labels must name every band or agree with the order"):
        band_order(["B", "G", "R", "x", "y", "z", "alpha"], REFERENCE)


def test_a_band_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must name each band once, got \['R'\] more than once"):
        band_order(["R", "visible:R", "B", "UV1", "UV2", "UV3", "mask"], REFERENCE)
