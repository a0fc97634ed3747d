"""Labels in the file decide which band is which."""

import pytest

from xmodal_pipeline.imaging.labels import band_order, read_wavelength, recognise_band

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


@pytest.mark.parametrize(
    ("name", "wavelength"),
    [
        ("365nm", 365),
        ("A12_365nm.tif", 365),
        ("BMNH1201_450 nm exp200", 450),
        ("1050-NM", 1050),
        ("A365", None),
        ("365nmol", None),
        ("12365nm", None),
        ("365nm and 550nm", None),
        ("UV 320-400nm", None),
        ("UV 300 – 400 nm", None),
        ("A12_0101-365nm", 365),
    ],
)
def test_a_wavelength_is_read_from_a_name(name: str, wavelength: int | None) -> None:
    assert read_wavelength(name) == wavelength


def test_labels_with_wavelengths_decide_the_order_of_bands_called_so() -> None:
    labels = ["A12_365nm", "A12_450nm", "A12_550nm", "A12_650nm"]
    assert band_order(labels, ("650nm", "550nm", "450nm", "365nm")) == [3, 2, 1, 0]
    assert band_order(labels, ("R", "G", "B", "UV")) == [0, 1, 2, 3]
    assert recognise_band("365nm:uv:B", MICATOOLBOX) == "uB"
    two_of_550 = ("vis650nm", "vis550nm", "vis450nm", "uv365nm", "fluo550nm")
    assert band_order([f"S1 {band}" for band in two_of_550], two_of_550) == [0, 1, 2, 3, 4]
