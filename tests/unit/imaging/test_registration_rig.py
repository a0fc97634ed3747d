import numpy as np
import pytest

from xmodal_pipeline.imaging.registration import Registration, Sighting, Transform, find_rig, settle_on_rig
from xmodal_pipeline.params.ingest import RegistrationParams

PARAMS = RegistrationParams()


def sighting(dx, dy, *, status="corrected", rotation=0.0, scale=1.0, place=(0.0, 0.0), is_placed=True):
    return Sighting(
        Registration(
            dx_px=dx,
            dy_px=dy,
            rotation_deg=0.0,
            scale=1.0,
            score_before=0.2,
            score_after=0.6,
            margin=0.1,
            residual_px=0.1,
            status=status,
            measured_rotation_deg=rotation,
            measured_scale=scale,
            detectable_rotation_deg=0.7,
            detectable_scale_error=0.015,
            is_placed=is_placed,
        ),
        place,
    )


def test_a_rig_is_the_median_of_the_captures_that_saw_their_shift():
    shifts = [(3.1, -2.0), (2.9, -2.1), (3.0, -1.9), (9.0, 5.0)]
    lost = sighting(0.0, 0.0, status="abstained", is_placed=False)

    rig = find_rig([*(sighting(dx, dy) for dx, dy in shifts), lost, lost, lost])

    assert rig is not None
    assert (rig.dx_px, rig.dy_px) == pytest.approx((3.05, -1.95))
    assert (rig.rotation_deg, rig.scale) == (0.0, 1.0)


def test_two_captures_make_no_rig():
    lost = sighting(0.0, 0.0, status="abstained", is_placed=False)

    assert find_rig([sighting(3.0, 1.0), sighting(3.0, 1.0), lost]) is None
    assert find_rig([]) is None


def test_many_captures_show_a_scale_that_no_single_one_does():
    rng = np.random.default_rng(0)
    scales = 1.01 + 0.005 * rng.standard_normal(40)
    none = 1.0 + 0.005 * rng.standard_normal(40)

    rig = find_rig([sighting(0.0, 0.0, scale=scale) for scale in scales])
    straight = find_rig([sighting(0.0, 0.0, scale=scale) for scale in none])

    assert rig is not None
    assert straight is not None
    assert rig.scale == pytest.approx(1.01, abs=0.0025)
    assert straight.scale == 1.0


def test_the_shift_of_a_turned_rig_is_the_one_at_the_image_centre():
    truth = Transform(2.0, -1.0, 1.0, 1.0)
    places = [(40.0, 0.0), (-30.0, 20.0), (10.0, -40.0), (0.0, 5.0)]
    seen = [sighting(*truth.shift_at(place), rotation=1.0, place=place) for place in places]

    rig = find_rig(seen)

    assert rig is not None
    assert (rig.dx_px, rig.dy_px) == pytest.approx((2.0, -1.0), abs=1e-9)
    # A point 40 px to the right moves down by 40 · sin 1°.
    assert truth.shift_at((40.0, 0.0)) == pytest.approx((2.0 - 0.0061, -1.0 + 0.6981), abs=1e-4)
    assert all(settle_on_rig(one, rig, PARAMS).residual_px < 1e-9 for one in seen)


def test_agreeing_and_silent_captures_take_the_transform_of_the_rig():
    rig = Transform(3.0, -2.0, 0.0, 1.0)

    own = settle_on_rig(sighting(3.4, -2.3), rig, PARAMS)
    silent = settle_on_rig(sighting(0.0, 0.0, status="abstained", is_placed=False), rig, PARAMS)

    assert (own.status, own.dx_px, own.dy_px, own.residual_px) == ("corrected", 3.0, -2.0, pytest.approx(0.5))
    assert (silent.status, silent.dx_px, silent.dy_px) == ("corrected", 3.0, -2.0)
    assert np.isnan(silent.residual_px)


def test_a_capture_that_disagrees_is_failed_and_keeps_what_it_measured():
    rig = Transform(3.0, -2.0, 0.0, 1.0)

    shifted = settle_on_rig(sighting(5.0, -2.0), rig, PARAMS)
    turned = settle_on_rig(sighting(3.0, -2.0, rotation=1.2), rig, PARAMS)

    assert (shifted.status, shifted.dx_px, shifted.residual_px) == ("failed", 5.0, pytest.approx(2.0))
    assert turned.status == "failed"


def test_a_rig_in_register_leaves_uv_where_it_is():
    rig = Transform(0.1, -0.2, 0.0, 1.0)

    assert settle_on_rig(sighting(0.2, 0.0, status="ok"), rig, PARAMS).status == "ok"
    assert settle_on_rig(sighting(0.0, 0.0, status="abstained"), rig, PARAMS).status == "ok"
