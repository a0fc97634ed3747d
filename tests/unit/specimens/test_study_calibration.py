"""Sessions with a gain and an offset of their own, whose true reflectance grey standards must give back."""

import csv
from dataclasses import dataclass

import numpy as np
import pytest
import tifffile
from PIL import Image

from xmodal_pipeline.errors import CaptureRejected, RunStoppedError
from xmodal_pipeline.imaging.reading import read_capture
from xmodal_pipeline.imaging.scale import TOP_BIN
from xmodal_pipeline.params.ingest import QualityParams, RegistrationParams, SpecimensParams
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.pipelines.ingest import nodes
from xmodal_pipeline.specimens.discovery import capture_files
from xmodal_pipeline.specimens.examination import Examination, examine_captures
from xmodal_pipeline.specimens.prepared import prepare_captures
from xmodal_pipeline.specimens.study_calibration import calibrate_study, capture_calibrations
from xmodal_pipeline.specimens.thumbnails import thumbnail_captures

BANDS = ("R", "G", "B", "UV1", "UV2", "UV3")
HEIGHT, WIDTH = 48, 80
CENTRES = ((10, 38), (28, 38), (46, 38), (64, 38))
RADIUS = 5
# Grey cards are darker in UV.
GREYS = np.array([0.05, 0.2, 0.5, 0.8])[:, None] * np.array([1, 1.02, 0.98, 0.7, 0.6, 0.5])
SESSIONS = ("a", "b", "c")
TOLERANCE = 1e-4
"""A quantum of 1/65,535 over the smallest gain, and the same again in the line."""


def scene(seed, *, has_standards):
    """True reflectance, (bands, height, width): a pattern up to 1.1 above, standards or black below."""
    rng = np.random.default_rng(seed)
    small = rng.uniform(0.02, 1.1, (6, 6, 10))
    truth = np.kron(small, np.ones((1, 8, 8))).astype(np.float64)
    truth[:, 30:] = 0.03
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    for (x, y), grey in zip(CENTRES, GREYS, strict=True):
        if has_standards:
            truth[:, (rows - y) ** 2 + (columns - x) ** 2 <= (RADIUS + 1) ** 2] = grey[:, None]
    return truth


def photograph(truth, session):
    rng = np.random.default_rng(100 + SESSIONS.index(session))
    gain, offset = rng.uniform(0.35, 0.8, (6, 1, 1)), rng.uniform(0.005, 0.05, (6, 1, 1))
    return np.clip(np.round((truth * gain + offset) * 65535), 0, 65535).astype(np.uint16)


def write_stack(path, bands):
    tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="separate")


def standards_rows(filename, extra=(), greys=GREYS):
    return [
        [filename, x, y, RADIUS, *(f"{value:.6f}" for value in grey), *extra]
        for (x, y), grey in zip(CENTRES, greys, strict=True)
    ]


def write_csv(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@dataclass
class Folder:
    root: object
    specimens: SpecimensParams

    def run(self):
        folder = {"root": str(self.root), "is_simulated": False}
        listed, _, _ = nodes.list_captures(folder, self.specimens)
        self.study = nodes.decide_study(folder, self.specimens, listed, RegistrationParams())
        calibration = calibrate_study(listed, self.study, n_jobs=1)
        examination = examine_captures(
            listed, calibration, self.study, RegistrationParams(), QualityParams(n_jobs=1)
        )
        return listed, calibration, examination

    def arrays(self, examination: Examination, calibration):
        index, qa = examination.specimen_index, examination.registration_qa
        partitions = index[["specimen_id"]].assign(partition="train")
        size = SplitParams(image_size=32)
        (block,) = prepare_captures(self.study, index, partitions, qa, calibration, size, n_jobs=1)
        thumbnails = thumbnail_captures(self.study, index, qa, calibration, n_jobs=1)
        return (block.rgb, block.uv), thumbnails.pictures


def params(root, **changes):
    settings = {
        "root": root,
        "layout": "rgb_uv",
        "mask": "none",
        "registration": "off",
        "scale": "uint16",
        "encoding": "linear",
    }
    return SpecimensParams(**(settings | changes))


@pytest.fixture
def folders(tmp_path):
    """Six captures in three sessions as photographed, and the same as they are.

    In session a one capture shows standards, in b both, in c a photograph of its own does.
    """
    counts, truths = tmp_path / "counts", tmp_path / "truth"
    counts.mkdir()
    truths.mkdir()
    rows, metadata = [], []
    for at, name in enumerate(["a1", "a2", "b1", "b2", "c1", "c2"]):
        truth = scene(at, has_standards=name in ("a1", "b1", "b2"))
        write_stack(counts / f"{name}.tif", photograph(truth, name[0]))
        write_stack(truths / f"{name}.tif", truth.astype(np.float32))
        metadata.append([f"{name}.tif", f" {name[0].upper()}"])
        if name in ("a1", "b1", "b2"):
            rows += standards_rows(f"{name}.tif", ("", ""))
    write_stack(counts / "greys_c.tif", photograph(scene(99, has_standards=True), "c"))
    rows += standards_rows("greys_c.tif", ("C", "yes"))
    for folder in (counts, truths):
        write_csv(folder / "metadata.csv", ["filename", "session"], metadata)
    write_csv(
        counts / "standards.csv",
        ["filename", "x", "y", "radius", *BANDS, "session", "standards_only"],
        rows,
    )
    return counts, truths


def test_a_calibrated_study_is_the_study_of_true_reflectance(folders):
    counts, truths = folders
    calibrated = Folder(counts, params(counts, grey_standards="standards.csv", calibrate_by="session"))
    true = Folder(truths, params(truths, scale="unit", encoding=None))
    listed, calibration, found = calibrated.run()
    _, none, expected = true.run()

    assert list(listed["filename"]) == [f"{name}.tif" for name in ("a1", "a2", "b1", "b2", "c1", "c2")]
    assert list(calibration["group"].unique()) == list(SESSIONS)
    assert list(calibration["band"]) == [*BANDS] * 3
    assert list(calibration["n_used"]) == [4] * 6 + [8] * 6 + [4] * 6
    assert calibration["r2"].min() > 0.999999
    assert calibration["max_residual"].max() < TOLERANCE
    assert not calibration["flagged"].any()
    assert none.empty
    assert len(found.specimen_index) == 6
    assert found.rejected_captures.empty
    assert set(found.specimen_index["colour_units"]) == {"reflectance"}

    numbers = ["mean", "sd", "q05", "q25", "q50", "q75", "q95"]
    np.testing.assert_allclose(
        found.colour_table[numbers], expected.colour_table[numbers], rtol=0, atol=TOLERANCE
    )
    assert (expected.quality_report["above_one_share"] > 0.005).any()
    np.testing.assert_allclose(
        found.quality_report["above_one_share"], expected.quality_report["above_one_share"], atol=0.005
    )
    assert (found.quality_report["saturated_share"] == 0).all()

    (rgb, uv), pictures = calibrated.arrays(found, calibration)
    (true_rgb, true_uv), true_pictures = true.arrays(expected, none)
    half = np.finfo(np.float16).eps  # of values up to 2
    np.testing.assert_allclose(rgb, true_rgb, rtol=0, atol=TOLERANCE + half)
    np.testing.assert_allclose(uv, true_uv, rtol=0, atol=TOLERANCE + half)
    assert np.abs(pictures.astype(int) - true_pictures.astype(int)).max() <= 1


def test_without_standards_the_same_photographs_are_off_and_say_so(folders):
    counts, truths = folders
    _, calibration, found = Folder(counts, params(counts)).run()
    _, _, expected = Folder(truths, params(truths, scale="unit", encoding=None)).run()
    assert calibration.empty
    assert set(found.specimen_index["colour_units"]) == {"uncalibrated"}
    # The photograph of standards is a capture like any other where nobody says what it is.
    assert "greys_c" in set(found.specimen_index["capture_id"])
    kept = found.colour_table[found.colour_table["capture_id"] != "greys_c"]["mean"].to_numpy()
    assert np.median(np.abs(kept - expected.colour_table["mean"].to_numpy())) > 0.05


def test_every_photograph_with_standards_of_its_own(folders):
    counts, _ = folders
    write_csv(
        counts / "own.csv",
        ["filename", "x", "y", "radius", *BANDS],
        [row for name in ("a1", "b1", "b2") for row in standards_rows(f"{name}.tif")],
    )
    study = Folder(counts, params(counts, grey_standards="own.csv"))
    listed, calibration, found = study.run()
    assert list(calibration["group"].unique()) == ["a1", "b1", "b2"]
    assert set(found.specimen_index["capture_id"]) == {"a1", "b1", "b2"}
    rejected = found.rejected_captures.set_index("filename")
    assert set(rejected.index) == {"a2.tif", "c1.tif", "c2.tif", "greys_c.tif"}
    assert set(rejected["code"]) == {"NO_CALIBRATION"}
    assert "a grey standard must stand in this photograph, found none" in rejected.loc["a2.tif", "reason"]
    # No later stage can use such a capture in counts, whatever it asks for.
    (files,) = [one for one in capture_files(listed, counts) if one.capture_id == "a2"]
    with pytest.raises(CaptureRejected, match="NO_CALIBRATION"):
        read_capture(files, study.study)


def test_saturation_is_judged_on_counts_and_saturated_standards_are_left_out(tmp_path):
    truth = scene(0, has_standards=True)
    gain = 1.3  # 0.77 and more saturates
    write_stack(tmp_path / "x.tif", np.clip(np.round(truth * gain * 65535), 0, 65535).astype(np.uint16))
    write_csv(tmp_path / "s.csv", ["filename", "x", "y", "radius", *BANDS], standards_rows("x.tif"))
    _, calibration, found = Folder(tmp_path, params(tmp_path, grey_standards="s.csv")).run()
    lines = calibration.set_index("band")
    assert list(lines["n_saturated"]) == [1, 1, 1, 0, 0, 0]
    np.testing.assert_allclose(lines["slope"], 1 / gain, rtol=1e-4)
    quality = found.quality_report.set_index("band")
    expected = (truth * gain >= TOP_BIN).mean(axis=(1, 2))
    assert (expected > 0.1).all()
    np.testing.assert_allclose(quality["saturated_share"], expected, atol=1e-9)
    assert (quality["above_one_share"] == 0).all()
    assert "SATURATED" in found.specimen_index["flags"].iloc[0]


def test_a_poor_line_is_flagged_and_no_line_is_a_reason_to_reject(folders):
    counts, _ = folders
    turned = GREYS.copy()
    turned[:, 4] = turned[::-1, 4]
    one = standards_rows("b1.tif")[:1]
    curved = standards_rows("b2.tif", greys=np.sqrt(GREYS))
    write_csv(
        counts / "own.csv",
        ["filename", "x", "y", "radius", *BANDS],
        [*standards_rows("a1.tif", greys=turned), *one, *curved],
    )
    _, calibration, found = Folder(counts, params(counts, grey_standards="own.csv")).run()
    by_group = calibration.groupby("group")["flagged"].all()
    assert by_group.to_dict() == {"a1": False, "b1": True, "b2": True}
    flags = found.specimen_index.set_index("capture_id")["flags"]
    assert "POOR_CALIBRATION" in flags["b1"]
    assert "POOR_CALIBRATION" in flags["b2"]
    rejected = found.rejected_captures.set_index("filename").loc["a1.tif"]
    assert rejected["code"] == "NO_CALIBRATION"
    assert "got none for UV2 (4 standards, 0 more saturated)" in rejected["reason"]


def test_a_copy_in_another_session_is_a_duplicate_still(folders):
    counts, _ = folders
    (counts / "c2.tif").write_bytes((counts / "a2.tif").read_bytes())
    study = Folder(counts, params(counts, grey_standards="standards.csv", calibrate_by="session"))
    _, _, found = study.run()
    assert list(found.rejected_captures["code"]) == ["DUPLICATE"]


def test_a_capture_without_a_session_and_one_of_a_session_without_standards_are_rejected(folders):
    counts, _ = folders
    labels = {"a1": "A", "a2": "", "b1": "B", "b2": "B", "c1": "C", "c2": "D"}
    rows = [[f"{name}.tif", session] for name, session in labels.items()]
    write_csv(counts / "metadata.csv", ["filename", "session"], rows)
    study = Folder(counts, params(counts, grey_standards="standards.csv", calibrate_by="session"))
    _, _, found = study.run()
    rejected = found.rejected_captures.set_index("filename")
    assert dict(rejected["code"]) == {"a2.tif": "NO_CALIBRATION", "c2.tif": "NO_CALIBRATION"}
    assert "must stand in the photographs of its 'session'" in rejected["reason"].iloc[0]


def test_an_unreadable_photograph_of_standards_costs_its_session_only(folders, caplog):
    counts, _ = folders
    (counts / "greys_c.tif").write_bytes(b"II*\0broken")
    study = Folder(counts, params(counts, grey_standards="standards.csv", calibrate_by="session"))
    _, calibration, found = study.run()
    assert set(calibration["group"]) == {"a", "b"}
    assert list(found.rejected_captures["filename"]) == ["c1.tif", "c2.tif"]
    assert "greys_c.tif" in caplog.text


def test_standards_of_a_pair_are_measured_in_each_photograph(tmp_path):
    truth = scene(3, has_standards=True)
    both = np.round(photograph(truth, "a") / 257).astype(np.uint8)
    for modality, bands in (("vis", both[:3]), ("uv", both[3:])):
        # Held the other way round: the file is half a turn off, and says so.
        exif = Image.Exif()
        exif[0x0112] = 3
        image = Image.fromarray(np.moveaxis(bands, 0, -1)[::-1, ::-1].copy())
        image.save(tmp_path / f"x_{modality}.png", exif=exif)
    empty = [""] * 3
    rows = [
        *([*row[:7], *empty] for row in standards_rows("x_vis.png")),
        *([*row[:4], *empty, *row[7:]] for row in standards_rows("x_uv.png")),
    ]
    write_csv(tmp_path / "s.csv", ["filename", "x", "y", "radius", *BANDS], rows)
    pair = {"layout": None, "rgb_suffix": "_vis", "uv_suffix": "_uv", "scale": "uint8"}
    specimens = params(tmp_path, grey_standards="s.csv", **pair)
    photographed = Folder(tmp_path, specimens)
    listed, calibration, found = photographed.run()
    assert list(calibration["modality"]) == ["rgb"] * 3 + ["uv"] * 3
    lines = capture_calibrations(calibration, listed, photographed.study)
    capture = read_capture(capture_files(listed, tmp_path)[0], photographed.study, lines["x"])
    quantum = calibration["slope"].to_numpy()[:, None, None] / 255
    found_bands = np.concatenate([capture.rgb, capture.uv])
    # Half a quantum of the pixel, half of the line as far as its standards reach.
    within = truth <= GREYS[-1][:, None, None]
    assert (np.abs(found_bands - truth) / quantum)[within].max() <= 1
    assert found.rejected_captures.empty


def test_rows_that_fill_in_the_other_photograph_are_refused(tmp_path):
    for name in ("x_vis.png", "x_uv.png"):
        Image.fromarray(np.zeros((48, 80, 3), np.uint8)).save(tmp_path / name)
    rows = [[*row[:7], "", "", ""] for row in standards_rows("x_uv.png")]
    write_csv(tmp_path / "s.csv", ["filename", "x", "y", "radius", *BANDS], rows)
    pair = {"layout": None, "rgb_suffix": "_vis", "uv_suffix": "_uv", "scale": "uint8"}
    study = Folder(tmp_path, params(tmp_path, grey_standards="s.csv", **pair))
    with pytest.raises(RunStoppedError, match=r"the bands of the uv photograph, which 'x_uv.png' is"):
        study.run()


def test_a_session_that_contradicts_the_metadata_is_refused(folders):
    counts, _ = folders
    header = ["filename", "x", "y", "radius", *BANDS, "session"]
    write_csv(counts / "s.csv", header, standards_rows("a1.tif", ("b",)))
    study = Folder(counts, params(counts, grey_standards="s.csv", calibrate_by="session"))
    with pytest.raises(RunStoppedError, match=r"'session' must agree with the metadata, got \['a', 'b'\]"):
        study.run()


def test_a_disc_outside_its_photograph_names_its_row(folders):
    counts, _ = folders
    rows = standards_rows("a1.tif")
    rows[2][1] = 78
    write_csv(counts / "s.csv", ["filename", "x", "y", "radius", *BANDS], rows)
    study = Folder(counts, params(counts, grey_standards="s.csv"))
    with pytest.raises(RunStoppedError, match=r"'s.csv' row 3 \('a1.tif'\): disc must lie inside"):
        study.run()
