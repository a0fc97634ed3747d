"""What a file name in a table means: one file, several, or none."""

import unicodedata
from pathlib import PurePosixPath

import pytest

from xmodal_pipeline.specimens.names import NameIndex, nearest, nearest_candidates, strip_suffix

FILES = [
    "day0/IMG_1.tif",
    "day1/IMG_1.tif",
    "day1/IMG_2.TIF",
    "MUS.1001.tif",
    "a.jpg",
    "A.jpg",
    "x.png",
    "x.tif",
]


def find(name, files=FILES):
    index = NameIndex(PurePosixPath("/data/wings"))
    for number, file in enumerate(files):
        index.add(PurePosixPath(file), number)
    return [files[number] for number in index.find(name)]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("IMG_2.TIF", ["day1/IMG_2.TIF"]),
        ("img_2.tif", ["day1/IMG_2.TIF"]),
        ("IMG_2", ["day1/IMG_2.TIF"]),
        ("IMG_2.jpg", ["day1/IMG_2.TIF"]),
        ("IMG_1.tif", ["day0/IMG_1.tif", "day1/IMG_1.tif"]),
        ("day1/IMG_1.tif", ["day1/IMG_1.tif"]),
        ("day1\\IMG_1", ["day1/IMG_1.tif"]),
        ("./day1/IMG_1.tif", ["day1/IMG_1.tif"]),
        ("wings/day0/IMG_1.tif", ["day0/IMG_1.tif"]),
        ("day2/IMG_1.tif", []),
        ("day0/IMG_2.tif", []),
        ("other/day0/IMG_1.tif", []),
        ("C:\\Users\\me\\wings\\day0\\IMG_1.tif", ["day0/IMG_1.tif"]),
        ("/elsewhere/wings/a.jpg", ["a.jpg"]),
        ("/elsewhere/other/a.jpg", []),
        ("MUS.1001", ["MUS.1001.tif"]),
        ("MUS.1002", []),
        ("MUS", []),
        ("a.jpg", ["a.jpg"]),
        ("x.png", ["x.png"]),
        ("x", ["x.png", "x.tif"]),
        ("", []),
    ],
)
def test_a_name_means_the_files_it_can_mean(name, meant):
    assert find(name) == meant


def test_composed_and_decomposed_names_are_one():
    decomposed = unicodedata.normalize("NFD", "Mönch.tif")
    assert find("Mönch.tif", [decomposed]) == [decomposed]
    assert find(decomposed, ["Mönch.tif"]) == ["Mönch.tif"]


def test_only_the_endings_of_images_are_no_part_of_a_name():
    assert [strip_suffix(n) for n in ("a.TIF", "a.b.jpeg", "MUS.1002", ".tif", "a")] == [
        "a",
        "a.b",
        "MUS.1002",
        ".tif",
        "a",
    ]


def test_the_nearest_name_differs_in_zeros_or_a_letter():
    candidates = nearest_candidates(["000010", "sp0_m_001", "Amsel_03"])
    assert nearest("10", candidates, is_loose=False) == "000010"
    assert nearest("SP0-M-1.tif", candidates, is_loose=False) == "sp0_m_001"
    assert nearest("Amsle_03", candidates, is_loose=False) is None
    assert nearest("Amsle_03", candidates, is_loose=True) == "Amsel_03"
    assert nearest("heron", candidates, is_loose=True) is None
