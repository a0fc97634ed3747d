"""A whole simulated study: files, metadata, truth, shifts, faults, and the same pixels every time."""

import hashlib

import numpy as np
import pandas as pd
import pytest
import tifffile

from xmodal_pipeline.params.ingest import SimulationParams
from xmodal_pipeline.simulation import (
    empty_simulated_truth,
    simulate_study,
    simulated_truth_columns,
)
from xmodal_pipeline.simulation.camera import Offset, Pose, draw_session_gains, paint
from xmodal_pipeline.simulation.faults import PLANTED, Fault
from xmodal_pipeline.simulation.species import Role, colours, draw_individuals
from xmodal_pipeline.simulation.study import (
    make_species,
    plan_captures,
    species_name,
    species_roles,
    stream,
)

SMALL = SimulationParams(
    image_size_px=64,
    n_effect_species=1,
    n_pattern_species=0,
    n_redundant_species=0,
    n_plain_species=1,
    n_per_sex=4,
    n_per_sex_plain=2,
    repeat_share=0.5,
)
FAULTY = SimulationParams(
    image_size_px=64,
    n_effect_species=1,
    n_pattern_species=0,
    n_redundant_species=0,
    n_plain_species=1,
    n_per_sex=12,
    max_shift_px=0.5,
    fault_count=2,
    seed=4,
)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    root = tmp_path_factory.mktemp("studies") / "small"
    return root, simulate_study(SMALL, root, n_jobs=1)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    root = tmp_path_factory.mktemp("studies") / "faulty"
    return root, simulate_study(FAULTY, root, n_jobs=1)


@pytest.fixture(scope="module")
def made():
    return make_species(SMALL, 0, Role.UV_ONLY)


def digests(root):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(root.iterdir())}


def phase_shift(reference, moved):
    """Shift of `moved` against `reference` (dx, dy): peak of the phase correlation, parabola through it."""
    window = np.outer(np.hanning(len(reference)), np.hanning(len(reference)))
    spectra = [np.fft.fft2((image - image.mean()) * window) for image in (reference, moved)]
    cross = np.conj(spectra[0]) * spectra[1]
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(len(reference))] * 2))
    surface = np.fft.ifft2(cross / (np.abs(cross) + 1e-12) * np.exp(-((frequency / 0.15) ** 2))).real
    row, column = np.unravel_index(surface.argmax(), surface.shape)
    size = len(reference)

    def vertex(before, here, after):
        return 0.5 * (before - after) / (before - 2 * here + after)

    dy = row + vertex(surface[row - 1, column], surface[row, column], surface[(row + 1) % size, column])
    dx = column + vertex(surface[row, column - 1], surface[row, column], surface[row, (column + 1) % size])
    return np.array([(dx + size / 2) % size - size / 2, (dy + size / 2) % size - size / 2])


def test_the_truth_has_one_typed_row_per_file(small):
    root, table = small
    assert list(table.columns) == list(simulated_truth_columns)
    assert sorted(f"{name}.tif" for name in table.capture_id) == sorted(
        path.name for path in root.glob("*.tif")
    )
    assert table.capture_id.is_unique
    pd.testing.assert_series_equal(empty_simulated_truth().dtypes, table.dtypes)
    assert len(empty_simulated_truth()) == 0


def test_counts_follow_the_parameters(small):
    _, table = small
    first = table.drop_duplicates("specimen_id")
    assert first.groupby(["role", "sex"]).size().to_dict() == {
        ("plain", "female"): 2,
        ("plain", "male"): 2,
        ("uv_only", "female"): 4,
        ("uv_only", "male"): 4,
    }
    assert len(table) - len(first) == round(0.5 * 12)
    assert set(first[first.role == "uv_only"].groupby("sex").morph.value_counts()) == {2}
    assert set(first[first.role == "plain"].morph) == {""}


def test_metadata_joins_on_file_and_specimen(small):
    root, table = small
    metadata = pd.read_csv(root / "metadata.csv", keep_default_na=False)
    assert list(metadata.columns) == ["filename", "specimen_id", "species", "sex", "morph", "session", "view"]
    joined = metadata.assign(capture_id=metadata.filename.str.removesuffix(".tif")).merge(
        table, on="capture_id"
    )
    assert len(joined) == len(table)
    for name in ("specimen_id", "species", "sex", "morph"):
        assert (joined[f"{name}_x"] == joined[f"{name}_y"]).all()
    for capture in table.capture_id:
        genus, species, sex, number = capture.removesuffix("_b").split("_")
        row = table.set_index("capture_id").loc[capture]
        assert (row.species, row.sex) == (f"{genus}_{species}", sex)
        assert len(number) == 3


def test_a_file_is_one_planar_page_of_seven_samples(small):
    root, table = small
    with tifffile.TiffFile(root / f"{table.capture_id[0]}.tif") as tiff:
        assert len(tiff.pages) == 1
        page = tiff.pages[0]
        assert (page.samplesperpixel, page.planarconfig.name, page.photometric.name) == (
            7,
            "SEPARATE",
            "MINISBLACK",
        )
        assert page.compression.name == "ADOBE_DEFLATE"
        assert tiff.series[0].axes == "SYX"
        stack = tiff.asarray()
    assert (stack.shape, stack.dtype) == ((7, 64, 64), np.uint16)
    assert set(np.unique(stack[6])) == {0, 255}
    assert 0.15 < (stack[6] > 0).mean() < 0.7
    assert not stack[6][[0, -1]].any()
    assert not stack[6][:, [0, -1]].any()


def test_repeats_are_other_photographs_in_another_session(small):
    root, table = small
    metadata = pd.read_csv(root / "metadata.csv").set_index("filename")
    repeats = table[table.capture_id.str.endswith("_b")]
    for _, row in repeats.iterrows():
        first, again = (root / f"{name}.tif" for name in (row.specimen_id, row.capture_id))
        assert metadata.session[first.name] != metadata.session[again.name]
        assert not np.array_equal(tifffile.imread(first), tifffile.imread(again))
    firsts = table.set_index("capture_id").loc[repeats.specimen_id]
    assert not np.isclose(firsts.dx_px.to_numpy(), repeats.dx_px.to_numpy()).any()


def test_the_same_seed_gives_the_same_bytes_whatever_the_workers(small, tmp_path):
    root, table = small
    again = simulate_study(SMALL, tmp_path / "again", n_jobs=2)
    pd.testing.assert_frame_equal(table, again)
    assert digests(root) == digests(tmp_path / "again")


def test_another_seed_gives_other_specimens(small, tmp_path):
    root, _ = small
    simulate_study(SMALL.model_copy(update={"seed": 1}), tmp_path / "other", n_jobs=1)
    ours, theirs = digests(root), digests(tmp_path / "other")
    assert not {ours[name] for name in ours if name.endswith(".tif")} & set(theirs.values())


def test_more_specimens_leave_the_species_as_they_are(made):
    many = make_species(SMALL.model_copy(update={"n_per_sex": 50}), 0, Role.UV_ONLY)
    assert many.species.effects == made.species.effects
    assert many.sex_uv_adds == made.sex_uv_adds


def test_a_simulated_folder_is_replaced_and_a_strange_one_is_not(tmp_path):
    root = tmp_path / "study"
    simulate_study(SMALL, root, n_jobs=1)
    (root / "left_over.tif").write_bytes(b"")
    simulate_study(SMALL.model_copy(update={"n_per_sex": 2}), root, n_jobs=1)
    assert not (root / "left_over.tif").exists()
    assert not list(tmp_path.glob(".*partial"))
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="must be empty or written by an earlier simulation"):
        simulate_study(SMALL, mine, n_jobs=1)
    assert (mine / "notes.txt").read_text() == "keep"


def test_a_phase_correlation_recovers_the_true_shift(made):
    for k in range(6):
        rng = np.random.default_rng(k)
        one = draw_individuals(made.species, rng, 1)
        look = colours(made.species, one, np.array([True]), np.array([False]))
        dx, dy = rng.uniform(-4, 4, 2)
        still, moved = (
            paint(made.species, one, look, size=128, pose=Pose(), offset=offset)[0][4]
            for offset in (Offset(), Offset(dx, dy))
        )
        np.testing.assert_allclose(phase_shift(still, moved), [dx, dy], atol=0.1)


def test_rotation_and_scale_of_uv_go_the_way_the_table_says(made):
    one = draw_individuals(made.species, np.random.default_rng(1), 1)
    look = colours(made.species, one, np.array([True]), np.array([False]))
    size, offset = 129, Offset(dx_px=3.0, dy_px=-2.0, rotation_deg=12.0, scale=1.1)
    _, before = paint(made.species, one, look, size=size, pose=Pose(), offset=Offset())
    _, after = paint(made.species, one, look, size=size, pose=Pose(), offset=offset)
    assert after.sum() / before.sum() == pytest.approx(1.1**2, rel=0.01)

    def centroid_and_axis(coverage):
        row, column = np.mgrid[0:size, 0:size] - 64.0
        centre = np.array([(coverage * column).sum(), (coverage * row).sum()]) / coverage.sum()
        moments = np.cov(np.stack([column.ravel(), row.ravel()]), aweights=coverage.ravel())
        axis = np.linalg.eigh(moments)[1][:, 1]
        return centre, np.degrees(np.arctan2(axis[1], axis[0]))

    (here, axis), (there, turned) = centroid_and_axis(before), centroid_and_axis(after)
    angle = np.radians(12.0)
    matrix = 1.1 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(there, matrix @ here + [3.0, -2.0], atol=0.1)
    assert (turned - axis) % 180.0 == pytest.approx(12.0, abs=0.3)


def test_pixels_are_shared_between_modalities_beyond_the_outline(made):
    """Within species, the interior of UV resembles its own RGB more than another specimen's."""
    images = []
    for k in range(12):
        one = draw_individuals(made.species, np.random.default_rng(k), 1)
        look = colours(made.species, one, np.array([k % 2 == 0]), np.array([k % 3 == 0]))
        image, coverage = paint(made.species, one, look, size=64, pose=Pose(), offset=Offset())
        images.append((image, coverage == 1.0))
    inside = np.logical_and.reduce([mask for _, mask in images])

    def pattern(bands):
        values = np.array([image[bands][:, inside].mean(axis=0) for image, _ in images])
        values = values / values.mean(axis=1, keepdims=True)
        return values - values.mean(axis=0)

    similarity = np.corrcoef(pattern([0, 1, 2]), pattern([3, 4, 5]))[:12, 12:]
    assert np.diag(similarity).mean() > 0.3
    assert np.abs(similarity[~np.eye(12, dtype=bool)]).mean() < 0.25


def test_session_gains_stay_within_their_bounds():
    gains = np.array([draw_session_gains(np.random.default_rng(k)) for k in range(400)])
    assert 0.025 < np.abs(gains[:, :3] - 1).max() <= 0.03
    assert 0.07 < np.abs(gains[:, 3:] - 1).max() <= 0.08


def test_every_fault_is_planted_as_often_as_asked(faulty):
    _, table = faulty
    assert table.fault.value_counts().drop("").to_dict() == {fault.value: 2 for fault in PLANTED}


def test_faults_of_registration_have_the_size_they_promise(faulty):
    _, table = faulty
    by_fault = table.groupby("fault")
    length = np.hypot(table.dx_px, table.dy_px)
    shifted = length[table.fault == Fault.SHIFTED]
    assert ((shifted >= 2) & (shifted <= 8)).all()
    assert (by_fault.get_group("rotated").rotation_deg.abs() >= 1).all()
    assert ((by_fault.get_group("scaled").scale - 1).abs() >= 0.01).all()
    clean = by_fault.get_group("")
    assert (clean[["dx_px", "dy_px"]].abs() <= 0.5).all(axis=None)
    assert (clean.rotation_deg == 0).all()
    assert (clean.scale == 1).all()


def test_faults_of_pixels_are_in_the_files(faulty):
    root, table = faulty
    for _, row in table.iterrows():
        path = root / f"{row.capture_id}.tif"
        if row.fault == Fault.TRUNCATED:
            with pytest.raises(Exception, match=r".+"):  # whatever the decoder raises
                tifffile.imread(path)
            continue
        stack = tifffile.imread(path)
        mask = stack[6] > 0
        constant = [stack[k].min() == stack[k].max() for k in range(3, 6)]
        assert (stack.dtype == np.float32) == (row.fault == Fault.NOT_FINITE)
        assert np.isnan(stack[:6]).any() == (row.fault == Fault.NOT_FINITE)
        assert mask.any() == (row.fault != Fault.EMPTY_MASK)
        assert sum(constant) == (row.fault == Fault.DEAD_UV_BAND)
        if row.fault == Fault.SATURATED:
            assert ((stack[:3, mask] == 65535).mean(axis=1) > 0.1).all()
        elif mask.any():
            assert (np.nan_to_num(stack[:6, mask], nan=0.0) == 65535).mean() < 0.02
        if row.fault == Fault.NOISE_UV:
            flat = stack[3:6, mask].astype(float)
            assert np.abs(np.corrcoef(flat)[np.triu_indices(3, 1)]).max() < 0.15


def test_duplicates_are_the_same_bytes_under_another_specimen(faulty):
    root, table = faulty
    hashes = digests(root)
    for _, row in table[table.fault == Fault.DUPLICATE].iterrows():
        twins = [name for name, digest in hashes.items() if digest == hashes[f"{row.capture_id}.tif"]]
        assert len(twins) == 2
        (source,) = table[
            table.capture_id == next(t for t in twins if row.capture_id not in t)[:-4]
        ].itertuples()
        assert (source.fault, source.species) == ("", row.species)
        assert source.specimen_id != row.specimen_id
        assert (source.dx_px, source.dy_px) == (row.dx_px, row.dy_px)


def test_only_captures_without_metadata_lack_their_row(faulty):
    root, table = faulty
    rows = set(pd.read_csv(root / "metadata.csv").filename.str.removesuffix(".tif"))
    assert set(table.capture_id) - rows == set(table.capture_id[table.fault == Fault.NO_METADATA])


def test_too_many_faults_are_refused():
    params = SMALL.model_copy(update={"fault_count": 5})
    with pytest.raises(ValueError, match=r"fault_count must be at most 1 for 18 captures"):
        plan_captures(params, species_roles(params))


def test_a_study_without_specimens_is_refused():
    params = SMALL.model_copy(update={"n_per_sex": 0, "n_per_sex_plain": 0})
    with pytest.raises(ValueError, match="n_per_sex must be at least 1"):
        plan_captures(params, species_roles(params))


def test_a_study_without_species_is_refused():
    none = dict.fromkeys(("n_effect_species", "n_plain_species", "n_pattern_species"), 0)
    params = SMALL.model_copy(update=none)
    with pytest.raises(ValueError, match="number of species must be 1 to 420, got 0"):
        species_roles(params)


def test_names_never_repeat():
    names = [species_name(index) for index in range(420)]
    assert len(set(names)) == 420


def test_sex_ratio_and_independent_morph():
    params = SimulationParams(
        n_effect_species=1,
        n_pattern_species=0,
        n_redundant_species=0,
        n_plain_species=0,
        n_per_sex=20,
        male_share=0.25,
        repeat_share=0,
    )
    captures = plan_captures(params, species_roles(params))
    assert sum(one.is_male for one in captures) == 10
    assert sum(one.is_male and bool(one.is_orange) for one in captures) == 5
    assert sum(bool(one.is_orange) for one in captures) == 20


def test_streams_differ_by_key_and_seed():
    draws = [stream(SMALL, *key).random() for key in ((0, 1), (1, 0), (1, 1), (1, 1, 1))]
    assert len({*draws, stream(SMALL.model_copy(update={"seed": 9}), 0, 1).random()}) == 5
