import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image
from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi

from xmodal_pipeline.imaging.patches import PatchesError, fill_outlines, read_patches
from xmodal_pipeline.imaging.tiff import orient

SHAPE = (40, 60)


def region(kind, name="", bounds=(5, 10, 25, 20)):
    """A rectangle or oval: left, top, right, bottom."""
    made = ImagejRoi()
    made.roitype, made.name = kind, name
    made.left, made.top, made.right, made.bottom = bounds
    return made


def outline(points, name=""):
    return ImagejRoi.frompoints(np.array(points), name=name)


def save(folder, regions):
    with zipfile.ZipFile(folder / "c.zip", "w") as archive:
        for number, one in enumerate(regions):
            archive.writestr(f"{number:04d}.roi", one.tobytes())
    return folder / "c.tif"


def mask_of(pixels):
    mask = np.zeros(SHAPE, bool)
    mask.ravel()[pixels] = True
    return mask


def box(left, top, right, bottom):
    mask = np.zeros(SHAPE, bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize("orientation", range(1, 9))
def test_regions_turn_with_the_photograph_on_whose_stored_pixels_they_were_drawn(tmp_path, orientation):
    stored = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    path = save(tmp_path, [region(ROI_TYPE.RECT, "crown")])
    upright = orient(stored, orientation)
    patches = read_patches(path, "roi", upright.shape, orientation=orientation)
    np.testing.assert_array_equal(np.sort(upright.ravel()[patches["crown"]]), stored[box(5, 10, 25, 20)])


def test_a_region_that_only_the_upright_photograph_holds_is_refused(tmp_path):
    path = save(tmp_path, [region(ROI_TYPE.RECT, "crown", (5, 45, 25, 55))])
    refused = r"'c.zip': regions must lie on the photograph as it is stored, 60 × 40 .* got 'crown' .* 25, 55"
    with pytest.raises(PatchesError, match=refused):
        read_patches(path, "roi", SHAPE[::-1], orientation=6)


def test_label_images_turn_where_they_are_as_large_as_the_stored_photograph(tmp_path):
    labels = np.zeros(SHAPE, np.uint8)
    labels[3:9, 30:50] = 2
    tifffile.imwrite(tmp_path / "c_labels.tif", labels)
    upright = orient(labels, 6)
    for stored in (labels, upright):
        tifffile.imwrite(tmp_path / "c_labels.tif", stored)
        found = read_patches(tmp_path / "c.tif", "labels", upright.shape, orientation=6)
        np.testing.assert_array_equal(found["2"], np.flatnonzero(upright))
    tifffile.imwrite(tmp_path / "c_labels.tif", labels)
    half_turn = read_patches(tmp_path / "c.tif", "labels", SHAPE, orientation=3)
    np.testing.assert_array_equal(half_turn["2"], np.flatnonzero(labels[::-1, ::-1]))


@pytest.mark.parametrize("name", ["crown.roi", "CROWN.ROI", "regions/crown.Roi"])
def test_what_the_finder_adds_to_an_archive_is_no_region(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "c.ZIP", "w") as archive:
        archive.writestr(name, region(ROI_TYPE.RECT, "crown").tobytes())
        archive.writestr("__MACOSX/._crown.roi", b"\x00\x05\x16\x07" + bytes(80))
        archive.writestr("._crown.roi", b"\x00\x05\x16\x07" + bytes(80))
    patches = read_patches(tmp_path / "c.tif", "roi", SHAPE)
    np.testing.assert_array_equal(mask_of(patches["crown"]), box(5, 10, 25, 20))


def test_a_single_region_may_end_in_upper_case(tmp_path):
    (tmp_path / "c.ROI").write_bytes(region(ROI_TYPE.RECT, "crown").tobytes())
    assert list(read_patches(tmp_path / "c.tif", "roi", SHAPE)) == ["crown"]


def test_every_kind_of_region_covers_the_pixels_whose_centre_lies_inside(tmp_path):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    triangle = [[2.0, 2.0], [32.0, 2.0], [2.0, 32.0]]
    path = save(
        tmp_path,
        [
            region(ROI_TYPE.RECT, "crown"),
            region(ROI_TYPE.OVAL, "breast", (30, 5, 50, 35)),
            outline(triangle, "wing"),
            outline([[0, 0], [7, 0], [7, 3], [0, 3]], "tail"),
        ],
    )

    patches = {name: mask_of(pixels) for name, pixels in read_patches(path, "roi", SHAPE).items()}

    assert list(patches) == ["crown", "breast", "wing", "tail"]
    np.testing.assert_array_equal(patches["crown"], box(5, 10, 25, 20))
    np.testing.assert_array_equal(patches["breast"], ((x - 40) / 10) ** 2 + ((y - 20) / 15) ** 2 <= 1)
    np.testing.assert_array_equal(patches["wing"], (x > 2) & (y > 2) & (x + y < 34))
    np.testing.assert_array_equal(patches["tail"], box(0, 0, 7, 3))


def inside_by_winding(outlines, shape):
    """Even-odd rule, pixel by pixel and edge by edge."""
    mask = np.zeros(shape, bool)
    for row in range(shape[0]):
        for column in range(shape[1]):
            x, y = column + 0.5, row + 0.5
            for points in outlines:
                for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
                    if (y0 <= y) != (y1 <= y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) < x:
                        mask[row, column] ^= True
    return mask


@pytest.mark.parametrize("seed", range(6))
def test_outlines_that_cross_themselves_and_the_frame_agree_with_a_naive_loop(seed):
    rng = np.random.default_rng(seed)
    outlines = [rng.uniform((-8, -8), (32, 28), (n, 2)) for n in (3, 9)]

    np.testing.assert_array_equal(fill_outlines(outlines, (20, 24)), inside_by_winding(outlines, (20, 24)))


def test_regions_may_overlap_share_a_name_or_have_none_and_lines_are_passed_over(tmp_path):
    line = region(ROI_TYPE.LINE, "scale bar")
    line.x1, line.y1, line.x2, line.y2 = 0, 0, 30, 0
    path = save(
        tmp_path,
        [
            region(ROI_TYPE.RECT, "wing", (0, 0, 10, 10)),
            region(ROI_TYPE.RECT, "spot", (5, 5, 15, 15)),
            line,
            region(ROI_TYPE.RECT, "wing", (40, 0, 50, 10)),
            region(ROI_TYPE.RECT, "", (0, 20, 2, 22)),
            region(ROI_TYPE.RECT, "", (0, 30, 2, 32)),
        ],
    )

    patches = {name: mask_of(pixels) for name, pixels in read_patches(path, "roi", SHAPE).items()}

    assert list(patches) == ["wing", "spot", "1", "2"]
    np.testing.assert_array_equal(patches["wing"], box(0, 0, 10, 10) | box(40, 0, 50, 10))
    np.testing.assert_array_equal(patches["spot"], box(5, 5, 15, 15))
    np.testing.assert_array_equal(patches["2"], box(0, 30, 2, 32))


def test_a_composite_region_keeps_its_hole(tmp_path):
    ring = region(ROI_TYPE.RECT, "ring", (0, 0, 20, 20))
    path = []
    for left, right in ((0, 20), (5, 15)):
        path += [0, left, left, 1, right, left, 1, right, right, 1, left, right, 4]
    ring.multi_coordinates = np.array(path, np.float32)
    ring.shape_roi_size = len(path)

    patches = read_patches(save(tmp_path, [ring]), "roi", SHAPE)

    np.testing.assert_array_equal(mask_of(patches["ring"]), box(0, 0, 20, 20) & ~box(5, 5, 15, 15))


def test_a_rectangle_between_pixels(tmp_path):
    one = region(ROI_TYPE.RECT, "fine")
    one.version = 227
    one.options |= ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    one.xd, one.yd, one.widthd, one.heightd = 2.6, 3.4, 4.0, 2.0
    (tmp_path / "c.roi").write_bytes(one.tobytes())

    patches = read_patches(tmp_path / "c.tif", "roi", SHAPE)

    np.testing.assert_array_equal(mask_of(patches["fine"]), box(3, 3, 7, 5))


@pytest.mark.parametrize("ending", ["tif", "png"])
def test_a_label_image(tmp_path, ending):
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:5, 3:9], labels[20:, 50:] = 7, 2
    target = tmp_path / f"c_labels.{ending}"
    if ending == "tif":
        tifffile.imwrite(target, labels, compression="zlib")
    else:
        Image.fromarray(labels).save(target)

    patches = read_patches(tmp_path / "c.tif", "labels", SHAPE)

    assert list(patches) == ["2", "7"]
    np.testing.assert_array_equal(mask_of(patches["7"]), labels == 7)
    np.testing.assert_array_equal(mask_of(patches["2"]), labels == 2)


def test_a_capture_without_a_patch_file(tmp_path):
    assert read_patches(tmp_path / "c.tif", "roi", SHAPE) is None
    assert read_patches(tmp_path / "c.tif", "labels", SHAPE) is None


def test_what_cannot_be_used_says_why(tmp_path):
    roi, tiff = tmp_path / "c.zip", tmp_path / "c_labels.tif"
    path = save(tmp_path, [region(ROI_TYPE.RECT, "a")])
    whole = roi.read_bytes()
    cases = [
        (whole[: len(whole) // 2], r"'c.zip': must be readable, got BadZipFile"),
        (b"", r"'c.zip': must be readable, got BadZipFile"),
    ]
    for content, message in cases:
        roi.write_bytes(content)
        with pytest.raises(PatchesError, match=message):
            read_patches(path, "roi", SHAPE)
    with zipfile.ZipFile(roi, "w") as archive:
        archive.writestr("1.roi", b"Iout but no more")
    with pytest.raises(PatchesError, match=r"'c.zip': must be readable, got"):
        read_patches(path, "roi", SHAPE)
    save(tmp_path, [])
    with pytest.raises(PatchesError, match=r"must hold a patch with an area, got none"):
        read_patches(path, "roi", SHAPE)
    save(tmp_path, [region(ROI_TYPE.RECT, "whole")])
    with pytest.raises(PatchesError, match=r"'whole' is taken by all of the capture"):
        read_patches(path, "roi", SHAPE)
    tifffile.imwrite(tiff, np.ones((5, 5), np.uint8))
    with pytest.raises(PatchesError, match=r"integers of height and width \(40, 60\), got \(5, 5\)"):
        read_patches(path, "labels", SHAPE)
    tifffile.imwrite(tiff, np.ones(SHAPE, np.float32))
    with pytest.raises(PatchesError, match=r"got float32"):
        read_patches(path, "labels", SHAPE)
    tifffile.imwrite(tiff, np.arange(2400, dtype=np.uint16).reshape(SHAPE))
    with pytest.raises(PatchesError, match=r"at most 1000 labels, got 2400"):
        read_patches(path, "labels", SHAPE)
