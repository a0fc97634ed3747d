"""Photographs of simulated specimens: pose, light, misregistered UV, blur, session gain and noise."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from xmodal_pipeline.simulation import morphology as body
from xmodal_pipeline.simulation.morphology import Array
from xmodal_pipeline.simulation.reflectance import BANDS, LAYOUT
from xmodal_pipeline.simulation.species import Colours, Individuals, Species

N_RGB = len(LAYOUT.rgb)
EXPOSURE = 0.8
"""Share of full scale that a perfect white reflector fills; the rest is headroom for gain and gloss."""
BACKGROUND = 0.04
"""Reflectance of the black card below the specimen."""
REACH = 0.43
"""Reach of an average specimen as a share of the image's side."""
# Rows of cover scales or feather tips across half a specimen: coarse enough to survive 96 px.
_N_ROWS = {"butterfly": 13.0, "bird": 9.0}
RGB_GAIN, UV_GAIN = 0.03, 0.08
"""Largest deviation of a session's exposure; UV lamps are the less stable."""
# Electrons at full scale per image pixel, and read noise in full scales; UV light is scarce.
_FULL_WELL = {"rgb": 20_000.0, "uv": 5_000.0}
_READ_NOISE = {"rgb": 0.0015, "uv": 0.003}
# UV is focused in the visible and lenses are corrected for it.
UV_BLUR_PX = 0.9
RGB_BLUR_PX = 0.4


class Pose(NamedTuple):
    """How a specimen lies under the camera; the default is upright, centred and evenly lit."""

    rotation: float = 0.0
    """Radians, anticlockwise as displayed."""
    scale: float = 1.0
    shift_x: float = 0.0
    """To the right, as a share of the image's side."""
    shift_y: float = 0.0
    """Downwards, likewise."""
    light_angle: float = 0.0
    light_depth: float = 0.0
    """How much brighter the lit side is, per body unit."""


class Offset(NamedTuple):
    """Where UV lies relative to RGB: p in RGB is at centre + scale · R (p − centre) + (dx, dy) in UV.

    Coordinates run right and down; R turns x towards y, so positive angles look clockwise.
    """

    dx_px: float = 0.0
    dy_px: float = 0.0
    rotation_deg: float = 0.0
    scale: float = 1.0


def draw_pose(rng: np.random.Generator) -> Pose:
    """A pose as in a drawer of museum specimens: nearly upright, lit from anywhere."""
    return Pose(
        rotation=float(np.radians(rng.uniform(-15.0, 15.0))),
        scale=float(rng.uniform(0.88, 1.02)),
        shift_x=float(rng.uniform(-0.025, 0.025)),
        shift_y=float(rng.uniform(-0.025, 0.025)),
        light_angle=float(rng.uniform(0.0, 2.0 * np.pi)),
        light_depth=float(rng.uniform(0.04, 0.12)),
    )


def draw_session_gains(rng: np.random.Generator) -> Array:
    """Exposure of a session relative to the average one, (bands,): one factor per modality."""
    rgb, uv = rng.uniform(-RGB_GAIN, RGB_GAIN), rng.uniform(-UV_GAIN, UV_GAIN)
    return np.asarray(1.0 + np.where(np.arange(len(BANDS)) < N_RGB, rgb, uv))


def _body_points(size: int, pose: Pose, offset: Offset) -> tuple[Array, Array]:
    """Body coordinates (x, y) of every pixel, (size, size) each, for an image seen through `offset`."""
    centre = 0.5 * (size - 1)
    row, column = np.mgrid[0:size, 0:size].astype(float) - centre
    turn = np.radians(offset.rotation_deg)
    right, down = column - offset.dx_px, row - offset.dy_px
    right, down = (
        (right * np.cos(turn) + down * np.sin(turn)) / offset.scale,
        (down * np.cos(turn) - right * np.sin(turn)) / offset.scale,
    )
    reach = REACH * size * pose.scale
    right, up = (right - pose.shift_x * size) / reach, (pose.shift_y * size - down) / reach
    cos, sin = np.cos(pose.rotation), np.sin(pose.rotation)
    return right * cos + up * sin, up * cos - right * sin


def paint(
    species: Species, individuals: Individuals, colours: Colours, *, size: int, pose: Pose, offset: Offset
) -> tuple[Array, Array]:
    """One specimen without blur and noise.

    Args:
        species: its species.
        individuals: exactly one individual.
        colours: its colours.
        size: side of the image in px.
        pose: how it lies.
        offset: seen through which misregistration; `Offset()` for the RGB frame.

    Returns:
        Reflectance (bands, size, size), and the share of each pixel that the specimen covers.
    """
    plan, anatomy = species.plan, individuals.anatomy
    x, y = _body_points(size, pose, offset)
    distance = np.maximum(np.hypot(x, y), 1e-9)
    radius = body.outline_radius(
        plan, anatomy, (np.abs(x) / distance).reshape(1, -1), (y / distance).reshape(1, -1)
    )
    pixel = 1.0 / (REACH * size * pose.scale)
    coverage = np.clip((radius.reshape(size, size) - distance) / pixel + 0.5, 0.0, 1.0)
    inside = coverage > 0.0
    side, up = np.abs(x[inside])[None], y[inside][None]
    height = distance[inside][None] / radius.reshape(size, size)[inside][None]
    weights, field, uv_spots = body.region_weights(plan, anatomy, side, up, height, softness=1.5 * pixel)
    factor = body.mottle(anatomy, side, up) * body.cover(plan, 1.0 / _N_ROWS[plan.kind], side, up, height)
    light = x[inside] * np.cos(pose.light_angle) + y[inside] * np.sin(pose.light_angle)
    factor = factor[0] * (1.0 + pose.light_depth * (light - height[0] ** 2)) * colours.light[0]
    shown = colours.regions[0].T @ weights[:, 0] + colours.field[0][:, None] * field[0]
    shown = shown + colours.uv_spots[0].T @ uv_spots[:, 0]
    image = np.full((len(BANDS), size, size), BACKGROUND)
    image[:, inside] += coverage[inside] * (shown * factor - BACKGROUND)
    return image, coverage


def expose(image: Array, gains: Array, rng: np.random.Generator) -> Array:
    """What the sensor records, in full scales, not yet clipped: blur, exposure, shot and read noise.

    Args:
        image: reflectance, (bands, height, width).
        gains: exposure of the session, (bands,).
        rng: the source of the noise.
    """
    recorded = np.empty_like(image)
    for k in range(len(BANDS)):
        modality = "rgb" if k < N_RGB else "uv"
        signal = gaussian_filter(image[k], RGB_BLUR_PX if modality == "rgb" else UV_BLUR_PX, mode="nearest")
        signal = EXPOSURE * gains[k] * signal
        noise = np.sqrt(np.maximum(signal, 0.0) / _FULL_WELL[modality] + _READ_NOISE[modality] ** 2)
        recorded[k] = signal + noise * rng.standard_normal(signal.shape)
    return recorded


def photograph(
    species: Species,
    individuals: Individuals,
    colours: Colours,
    *,
    size: int,
    offset: Offset,
    gains: Array,
    rng: np.random.Generator,
) -> tuple[Array, NDArray[np.bool_]]:
    """One individual in a new pose: six bands in full scales, and the mask in RGB's frame.

    Args:
        species: of the individual.
        individuals: one.
        colours: of that individual.
        size: side of the picture in pixels.
        offset: where UV lies.
        gains: (bands,), of the session.
        rng: draws the pose and the noise.
    """
    pose = draw_pose(rng)
    image, coverage = paint(species, individuals, colours, size=size, pose=pose, offset=Offset())
    # The UV lamp is another lamp, elsewhere.
    uv_pose = pose._replace(light_angle=float(rng.uniform(0.0, 2.0 * np.pi)))
    image[N_RGB:] = paint(species, individuals, colours, size=size, pose=uv_pose, offset=offset)[0][N_RGB:]
    return expose(image, gains, rng), coverage >= 0.5
