"""The shape of a simulated specimen and where its colours lie.

Body coordinates: the midline is x = 0, y points to the head, 1 is the reach of the species' outline.
Specimens are bilaterally symmetric, so positions are given as (|x|, y). Every function takes one row of
parameters per specimen and one row of points per specimen: rendering and the computed truth evaluate
the same functions, on pixels and on a quadrature grid.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

N_PATCHES, N_SPOTS, N_RIPPLES, N_UV_SPOTS = 3, 6, 5, 2
GROUND, FIRST_PATCH, SPOTS, MARGIN, TRUNK = 0, 1, 1 + N_PATCHES, 2 + N_PATCHES, 3 + N_PATCHES
N_REGIONS = 4 + N_PATCHES
MOTTLE_DEPTH = 0.05
"""Amplitude of the individual's own blotches, as a share of the local colour."""

_VEIN_DEPTH = 0.22
_VEIN_SHARE = 0.15
"""Mean of the vein pattern over a wing, added back so that veins do not darken the specimen."""

# The forward and the backward UV spot of a butterfly: angles in degrees, distance from the centre as a share
# of the outline's radius, radius. Both lie whole on a wing, so that they cover equal areas.
_UV_SPOT_ANGLES, _UV_SPOT_HEIGHT, _UV_SPOT_RADIUS = (30.0, -34.0), 0.52, 0.21

# Wings and trunks as ellipses with one focus at the centre: (angle in degrees, reach, eccentricity).
_BUTTERFLY = (
    (40.0, 1.0, 0.76),
    (20.0, 0.82, 0.74),
    (-42.0, 0.80, 0.62),
    (-90.0, 0.52, 0.88),
    (90.0, 0.24, 0.70),
)
_BIRD = (
    (90.0, 0.68, 0.66),
    (-84.0, 0.66, 0.42),
    (-74.0, 0.80, 0.76),
    (-90.0, 1.0, 0.945),
    (90.0, 0.86, 0.975),
)


@dataclass(frozen=True)
class BodyPlan:
    """A species' outline and pattern; angles in radians, lengths in body units."""

    kind: Literal["butterfly", "bird"]
    lobe_angle: Array
    lobe_reach: Array
    lobe_eccentricity: Array
    scallops: int
    scallop_depth: float
    patch_angle: Array
    patch_height: Array
    """Distance from the centre as a share of the outline's radius."""
    patch_along: Array
    patch_across: Array
    spot_angle: Array
    spot_height: float
    spot_radius: float
    spot_share: float
    """How often an individual has any one of the spots."""
    field_angle: float
    field_height: float
    field_radius: float
    """The field of structural colour, a disc clipped to the ground."""
    margin_width: float
    trunk_width: float
    uv_spot_radius: float
    """Of the forward and the backward UV spot, which lie on the ground's pigment; 0 without them."""


class Anatomy(NamedTuple):
    """What makes each of n individuals itself; one row per individual."""

    lobe_reach: Array
    lobe_angle: Array
    patch_angle: Array
    patch_height: Array
    patch_along: Array
    patch_across: Array
    spot_radius: Array
    """0 where the individual lacks the spot."""
    spot_height: Array
    field_radius: Array
    margin_width: Array
    ripple_x: Array
    ripple_y: Array
    ripple_phase: Array


def draw_body_plan(
    rng: np.random.Generator, kind: Literal["butterfly", "bird"], *, has_uv_spots: bool
) -> BodyPlan:
    """A new species: the proportions and the pattern are drawn, the body's scheme is given by `kind`."""
    lobes = np.array(_BUTTERFLY if kind == "butterfly" else _BIRD)
    if kind == "butterfly" and rng.random() < 0.35:
        lobes = np.vstack([lobes, (-58.0, rng.uniform(0.95, 1.1), 0.972)])  # the tail of a swallowtail
    angle = np.radians(lobes[:, 0] + np.where(np.abs(lobes[:, 0]) < 89, rng.uniform(-7, 7, len(lobes)), 0.0))
    reach = lobes[:, 1] * rng.uniform(0.88, 1.12, len(lobes))
    wide = kind == "butterfly"
    slots = np.radians([32.0, -30.0, 2.0] if wide else [72.0, -35.0, -84.0])
    return BodyPlan(
        kind=kind,
        lobe_angle=angle,
        lobe_reach=reach / reach.max(),
        lobe_eccentricity=np.clip(lobes[:, 2] + rng.uniform(-0.05, 0.05, len(lobes)), 0.3, 0.975),
        scallops=int(rng.integers(9, 17)) if wide else 0,
        scallop_depth=float(rng.uniform(0.0, 0.025)) if wide else 0.0,
        patch_angle=slots + rng.uniform(-0.2, 0.2, N_PATCHES),
        patch_height=rng.uniform(0.42, 0.66, N_PATCHES),
        patch_along=rng.uniform(0.09, 0.16, N_PATCHES),
        patch_across=rng.uniform(0.13, 0.24, N_PATCHES),
        spot_angle=np.radians(np.linspace(-62, 48, N_SPOTS) if wide else np.linspace(-80, 62, N_SPOTS)),
        spot_height=float(rng.uniform(0.72, 0.80)) if wide else float(rng.uniform(0.35, 0.7)),
        spot_radius=float(rng.uniform(0.075, 0.095)),
        spot_share=float(rng.uniform(0.45, 0.7)),
        field_angle=float(np.radians(rng.uniform(-35, 15)))
        if wide
        else float(np.radians(rng.uniform(-70, -20))),
        field_height=float(rng.uniform(0.40, 0.52)),
        field_radius=float(rng.uniform(0.46, 0.54)),
        margin_width=float(rng.uniform(0.05, 0.14)) if wide else float(rng.uniform(0.0, 0.03)),
        trunk_width=float(rng.uniform(0.055, 0.075)) if wide else 0.0,
        uv_spot_radius=_UV_SPOT_RADIUS if has_uv_spots else 0.0,
    )


def draw_anatomy(plan: BodyPlan, rng: np.random.Generator, n: int) -> Anatomy:
    """Individuals of a species. Deviates are cut at 2.5 sd, so that no outline leaves the picture."""

    def vary(centre: Array | float, sd: float, size: int) -> Array:
        return np.asarray(centre) + sd * np.clip(rng.standard_normal((n, size)), -2.5, 2.5)

    lobes = len(plan.lobe_angle)
    has_spot = rng.random((n, N_SPOTS)) < plan.spot_share
    bearing = rng.uniform(0.0, 2.0 * np.pi, (n, N_RIPPLES))
    wavenumber = rng.uniform(6.0, 14.0, (n, N_RIPPLES))
    return Anatomy(
        lobe_reach=plan.lobe_reach * vary(1.0, 0.012, lobes),
        lobe_angle=vary(plan.lobe_angle, 0.01, lobes),
        patch_angle=vary(plan.patch_angle, 0.14, N_PATCHES),
        patch_height=vary(plan.patch_height, 0.06, N_PATCHES),
        patch_along=plan.patch_along * np.exp(vary(0.0, 0.22, N_PATCHES)),
        patch_across=plan.patch_across * np.exp(vary(0.0, 0.22, N_PATCHES)),
        spot_radius=np.where(has_spot, plan.spot_radius, 0.0) * np.exp(vary(0.0, 0.2, N_SPOTS)),
        spot_height=vary(plan.spot_height, 0.025, N_SPOTS),
        field_radius=plan.field_radius * np.exp(vary(0.0, 0.06, 1)),
        margin_width=plan.margin_width * np.exp(vary(0.0, 0.15, 1)),
        ripple_x=wavenumber * np.cos(bearing),
        ripple_y=wavenumber * np.sin(bearing),
        ripple_phase=rng.uniform(0.0, 2.0 * np.pi, (n, N_RIPPLES)),
    )


def outline_radius(plan: BodyPlan, anatomy: Anatomy, cos: Array, sin: Array) -> Array:
    """Distance from the centre to the outline along unit directions (|cos|, sin), (specimens, points).

    The lobes r = reach (1 − e) / (1 − e cos Δ) are ellipses about a focus (Kepler's equation of the
    orbit); their 8-norm is a union with rounded notches.

    Args:
        plan: of the species.
        anatomy: (specimens,) individuals.
        cos: (points,) of the directions, absolute.
        sin: (points,).
    """
    total: Array = np.zeros(np.broadcast_shapes(cos.shape, (len(anatomy.lobe_reach), 1)))
    for k, eccentricity in enumerate(plan.lobe_eccentricity):
        angle = anatomy.lobe_angle[:, k : k + 1]
        away = 1.0 - eccentricity * (cos * np.cos(angle) + sin * np.sin(angle))
        total += np.square(
            np.square(np.square(anatomy.lobe_reach[:, k : k + 1] * (1.0 - eccentricity) / away))
        )
    radius = total**0.125
    if plan.scallop_depth:
        radius = radius * (1.0 + plan.scallop_depth * np.cos(plan.scallops * np.arctan2(sin, cos)))
    return radius


def _inside(distance: Array, softness: Array | float) -> Array:
    """1 inside a contour, 0 outside; `distance` is positive inside, the edge `softness` wide."""
    return np.asarray(np.clip(0.5 + distance / softness, 0.0, 1.0))


def _length(x: Array, y: Array) -> Array:
    # Several times faster than np.hypot, whose care for overflow is not needed here.
    return np.asarray(np.sqrt(x * x + y * y))


def _disc(x: Array, y: Array, centre: tuple[Array, Array], radius: Array, softness: float) -> Array:
    return _inside(radius - _length(x - centre[0], y - centre[1]), softness)


def _centre(plan: BodyPlan, anatomy: Anatomy, angle: Array, height: Array) -> tuple[Array, Array]:
    """Where a mark sits: it moves with the individual's outline. One value per specimen, (specimens, 1)."""
    radius = height * outline_radius(plan, anatomy, np.cos(angle), np.sin(angle))
    return radius * np.cos(angle), radius * np.sin(angle)


def _patch(plan: BodyPlan, anatomy: Anatomy, k: int, x: Array, y: Array, softness: float) -> Array:
    angle = anatomy.patch_angle[:, k : k + 1]
    x0, y0 = _centre(plan, anatomy, angle, anatomy.patch_height[:, k : k + 1])
    along = ((x - x0) * np.cos(angle) + (y - y0) * np.sin(angle)) / anatomy.patch_along[:, k : k + 1]
    across = ((y - y0) * np.cos(angle) - (x - x0) * np.sin(angle)) / anatomy.patch_across[:, k : k + 1]
    size = np.minimum(anatomy.patch_along, anatomy.patch_across)[:, k : k + 1]
    return _inside((1.0 - _length(along, across)) * size, softness)


def _spots(plan: BodyPlan, anatomy: Anatomy, x: Array, y: Array, softness: float) -> Array:
    found: Array = np.zeros(np.broadcast_shapes(x.shape, (len(anatomy.spot_radius), 1)))
    for k, angle in enumerate(plan.spot_angle):
        radius = anatomy.spot_radius[:, k : k + 1]
        centre = _centre(plan, anatomy, np.full_like(radius, angle), anatomy.spot_height[:, k : k + 1])
        found = np.maximum(found, np.where(radius > 0.0, _disc(x, y, centre, radius, softness), 0.0))
    return found


def region_weights(
    plan: BodyPlan, anatomy: Anatomy, x: Array, y: Array, height: Array, *, softness: float
) -> tuple[Array, Array, Array]:
    """How much of each region, of the field of structural colour and of the UV spots shows at each point.

    Args:
        plan: the species.
        anatomy: n individuals.
        x: |x| of the points, (n or 1, points).
        y: their y.
        height: distance from the centre over the outline's radius; below 1 inside.
        softness: width of a contour, in body units.

    Returns:
        Weights (regions, n, points), which sum to 1 at every point; the field (n, points), which lies on
        the ground only; and the UV spots (2, n, points), ground over everything else, without field.
        None carries brightness.
    """
    covers = [_patch(plan, anatomy, k, x, y, softness) for k in range(N_PATCHES)]
    covers.append(_spots(plan, anatomy, x, y, softness))
    covers.append(_inside(height - 1.0 + anatomy.margin_width, softness))
    covers.append(_inside(plan.trunk_width - x, softness) if plan.trunk_width else np.zeros_like(covers[0]))
    left: Array = np.ones_like(covers[0])
    weights = np.empty((N_REGIONS, *left.shape))
    for k in range(N_REGIONS - 1, 0, -1):
        weights[k] = left * covers[k - 1]
        left = left - weights[k]
    weights[GROUND] = left
    angle = np.full((len(anatomy.field_radius), 1), plan.field_angle)
    centre = _centre(plan, anatomy, angle, np.full_like(angle, plan.field_height))
    field = left * _disc(x, y, centre, anatomy.field_radius, 3.0 * softness)
    uv_spots = _uv_spots(plan, anatomy, x, y, softness)
    bare = 1.0 - uv_spots.sum(axis=0)
    weights *= bare
    weights[GROUND] += 1.0 - bare
    return weights, field * bare, uv_spots


def _uv_spots(plan: BodyPlan, anatomy: Anatomy, x: Array, y: Array, softness: float) -> Array:
    """The forward and the backward one, (2, n, points)."""
    n = len(anatomy.field_radius)
    found: Array = np.zeros((N_UV_SPOTS, *np.broadcast_shapes(x.shape, (n, 1))))
    if plan.uv_spot_radius:
        radius = np.full((n, 1), plan.uv_spot_radius)
        height = np.full((n, 1), _UV_SPOT_HEIGHT)
        for k, angle in enumerate(_UV_SPOT_ANGLES):
            centre = _centre(plan, anatomy, np.full((n, 1), np.radians(angle)), height)
            found[k] = _disc(x, y, centre, radius, softness)
    return found


def mottle(anatomy: Anatomy, x: Array, y: Array) -> Array:
    """The individual's own blotches, a factor about 1, the same in every band, (n, points).

    Args:
        anatomy: (n,) individuals.
        x: (n, points) from the centre.
        y: (n, points).
    """
    total: Array = np.zeros(np.broadcast_shapes(x.shape, (len(anatomy.ripple_x), 1)))
    for k in range(N_RIPPLES):
        column = slice(k, k + 1)
        total += np.sin(
            anatomy.ripple_x[:, column] * x
            + anatomy.ripple_y[:, column] * y
            + anatomy.ripple_phase[:, column]
        )
    return np.asarray(1.0 + MOTTLE_DEPTH * (2.0 / N_RIPPLES) ** 0.5 * total)


def cover(plan: BodyPlan, spacing: float, x: Array, y: Array, height: Array) -> Array:
    """Rows of wing scales with veins, or of overlapping feather tips: a factor about 1, (n or 1, points).

    Args:
        plan: the species.
        spacing: distance between rows, in body units.
        x: |x| of the points.
        y: their y.
        height: distance from the centre over the outline's radius.
    """
    if plan.kind == "bird":
        arch = 0.35 * np.abs(np.sin(np.pi * x / (2.0 * spacing)))
        return np.asarray(1.0 + 0.09 * np.sin(2.0 * np.pi * (y / spacing + arch)))
    rows = np.sin(2.0 * np.pi * np.hypot(x, y) / spacing)
    vein = np.cos(5.5 * np.arctan2(y, np.maximum(x, 1e-6))) ** 24 * np.clip(height * 4.0 - 1.0, 0.0, 1.0)
    return np.asarray(1.0 + 0.05 * rows + _VEIN_DEPTH * (_VEIN_SHARE - vein))
