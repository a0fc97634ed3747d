import numpy as np
import pytest
from scipy import ndimage

from xmodal_pipeline.imaging.registration import estimate_registration, verdict
from xmodal_pipeline.imaging.registration.geometry import similarity, warp
from xmodal_pipeline.imaging.registration.turn import find_turn
from xmodal_pipeline.imaging.registration.views import make_scene, overview
from xmodal_pipeline.params.ingest import RegistrationParams
from xmodal_pipeline.simulation.camera import Offset, photograph
from xmodal_pipeline.simulation.species import Role, colours, draw_individuals, draw_species

SIZE = 96


def view(seed, *, rotation_deg=0.0, scale=1.0, noise=0.002, uv_seed=None):
    """A textured disc of the demo's size, UV with inverted contrast, seen turned and scaled."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    mask = np.hypot(x, y) < 36
    rng = np.random.default_rng(seed)

    def plane(source):
        texture = ndimage.gaussian_filter(np.random.default_rng(source).standard_normal((SIZE, SIZE)), 1.2)
        return np.where(mask, 0.4 + 0.1 * texture / texture.std(), 0.04)

    matrix = similarity(
        angle_rad=np.deg2rad(rotation_deg), scale=scale, shift=(0, 0), centre=((SIZE - 1) / 2,) * 2
    )
    uv = warp(0.9 - plane(seed if uv_seed is None else uv_seed), np.linalg.inv(matrix), order=3)
    both = [(one + noise * rng.standard_normal(one.shape)).astype(np.float32) for one in (plane(seed), uv)]
    return overview(make_scene(*both, mask, working_size_px=256))


@pytest.mark.parametrize(
    ("rotation_deg", "scale"), [(0.0, 1.0), (1.0, 1.0), (-1.0, 1.0), (0.0, 1.01), (0.0, 0.99), (2.0, 0.97)]
)
def test_small_turns_are_measured_to_a_part_of_a_pixel_at_the_edge(rotation_deg, scale):
    for seed in range(3):
        turn = find_turn(view(seed, rotation_deg=rotation_deg, scale=scale), (0.0, 0.0))

        assert turn is not None
        assert turn.rotation_deg == pytest.approx(rotation_deg, abs=0.12)
        assert turn.scale == pytest.approx(scale, abs=0.0025)


def test_noise_widens_the_uncertainty():
    clear, noisy = (find_turn(view(0, noise=noise), (0.0, 0.0)) for noise in (0.002, 0.1))

    assert clear is not None
    assert noisy is not None
    assert noisy.scale_sd > 1.5 * clear.scale_sd


def test_pictures_with_nothing_in_common_say_little():
    clear, unrelated = find_turn(view(0), (0.0, 0.0)), find_turn(view(0, uv_seed=9), (0.0, 0.0))

    assert clear is not None
    assert unrelated is not None
    assert unrelated.scale_sd > 5 * clear.scale_sd


@pytest.mark.parametrize("uv_seed", [9, 10, 11, 12, 13])
def test_unrelated_pictures_do_not_know_their_rotation(uv_seed):
    turn = find_turn(view(0, uv_seed=uv_seed), (0.0, 0.0))

    assert turn is not None
    assert turn.uncertainty_px > verdict._LOST_PX


def statuses(species_seed, rotation_deg, scale):
    """Of twelve specimens with two spots on each wing pair that only UV shows, shifted by half pixels."""
    rng = np.random.default_rng(species_seed)
    species = draw_species("Genus_spotted", Role.PATTERN, "butterfly", rng)
    found = []
    for _ in range(12):
        individual, no = draw_individuals(species, rng, 1), np.array([False])
        look, offset = colours(species, individual, no, no), Offset(2.5, -1.5, rotation_deg, scale)
        bands, mask = photograph(
            species, individual, look, size=SIZE, offset=offset, gains=np.ones(6), rng=rng
        )
        unit = np.clip(bands, 0, 1).astype(np.float32)
        found.append(estimate_registration(unit[:3], unit[3:], mask, RegistrationParams(), correct=True))
    return {one.status for one in found}


@pytest.mark.parametrize("species_seed", [4, 12])
@pytest.mark.parametrize(
    ("rotation_deg", "scale", "status"),
    [(0.0, 1.0, "corrected"), (1.5, 1.0, "failed"), (0.0, 1.02, "failed"), (0.0, 0.98, "failed")],
)
def test_spots_that_uv_alone_shows_are_no_other_scale(monkeypatch, species_seed, rotation_deg, scale, status):
    monkeypatch.setattr(verdict, "is_similarity_available", lambda: False)

    assert statuses(species_seed, rotation_deg, scale) == {status}


def test_a_specimen_of_few_pixels_is_not_asked():
    mask = np.zeros((64, 64), dtype=bool)
    mask[25:38, 25:38] = True
    plane = np.random.default_rng(0).random((64, 64), dtype=np.float32)

    assert find_turn(overview(make_scene(plane, plane, mask, working_size_px=256)), (0.0, 0.0)) is None
