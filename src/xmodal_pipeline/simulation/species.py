"""Simulated species: pigments on a body plan, how individuals vary, and how sex and morph change them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.simulation import morphology as body
from xmodal_pipeline.simulation.morphology import Anatomy, Array, BodyPlan
from xmodal_pipeline.simulation.reflectance import pigment_bands, structural_bands

Labels = NDArray[np.bool_]


class Role(StrEnum):
    """What sex shows in a species. The values stand in `simulated_truth`."""

    UV_ONLY = "uv_only"
    """Males have more structural UV over the same pigment, as in Colias; RGB does not change."""
    REDUNDANT = "redundant"
    """Males are lighter in every band; UV adds little to RGB (computed, mostly below 0.5)."""
    RGB_ONLY = "rgb_only"
    """Males have more structural blue; UV does not change. Given RGB, UV may still add: it measures the
    brightness that blurs the difference in RGB. The truth states how much."""
    LEAKING = "leaking"
    """Males have more structural UV, and a part of it reaches into blue."""
    PATTERN = "pattern"
    """Two spots that differ in UV only: the brighter lies forward in males, backward in females. Neither sex
    has another mean or SD of a band; only where UV lies shows it."""
    PLAIN = "plain"
    """Neither sex nor morph shows."""


class Effects(NamedTuple):
    """What being male, or of the orange morph, adds to an individual; solved from the requested δ."""

    uv: float = 0.0
    """Males: reflectance of the structural UV on the field."""
    blue: float = 0.0
    """Males: reflectance of the structural blue on the field."""
    light: float = 0.0
    """Males: log of the brightness in every band."""
    male_edge_nm: float = 0.0
    """Males: shift of the ground pigment's edge."""
    edge_nm: float = 0.0
    """Orange morph: shift of the ground pigment's edge."""
    forward: float = 0.0
    """Share of the spots' UV that lies forward: added in males, taken from it in females."""


class Variation(NamedTuple):
    """Level and spread of what varies between the individuals of a species; calibrated in `truth`."""

    gain: float = 1.0
    light_sd: float = 0.1
    uv_mean: float = 0.0
    uv_sd: float = 0.0
    blue_mean: float = 0.0
    blue_sd: float = 0.0


MOST_DEVIATION = 3.0
"""Where the normal deviates of individuals are cut, in SDs."""
NO_EFFECT = Effects()
_STILL = Variation()


@dataclass(frozen=True)
class Species:
    """A species; pigment amounts have one entry per region of its body plan."""

    name: str
    role: Role
    plan: BodyPlan
    melanin: Array
    carotenoid: Array
    edge_nm: Array
    blue: Array
    brightness: float
    """Mean of R, G and B over an average specimen."""
    variation: Variation = _STILL
    effects: Effects = NO_EFFECT


class Individuals(NamedTuple):
    """n individuals: their anatomy and standard normal deviates (cut) of everything else."""

    anatomy: Anatomy
    light: Array
    melanin: Array
    carotenoid: Array
    edge: Array
    uv: Array
    blue: Array
    forward: Array


class Colours(NamedTuple):
    """Band values of n individuals; multiply by `light`."""

    light: Array
    """(n,)."""
    regions: Array
    """(n, regions, bands)."""
    field: Array
    """(n, bands), added where the field of structural colour lies."""
    uv_spots: Array
    """(n, 2, bands), added where the forward and the backward UV spot lie."""


# Melanin depth, carotenoid depth, edge in nm, structural blue; amounts chosen for schematic looks.
_PAINTS: dict[str, tuple[float, float, float, float]] = {
    "white": (0.05, 0.0, 500.0, 0.0),
    "yellow": (0.12, 1.9, 500.0, 0.0),
    "orange": (0.15, 2.0, 545.0, 0.0),
    "red": (0.20, 2.4, 585.0, 0.0),
    "brown": (1.3, 0.0, 500.0, 0.0),
    "black": (4.5, 0.0, 500.0, 0.0),
    "blue": (3.2, 0.0, 500.0, 0.45),
}
# Spread between individuals: optical depths by 12 to 15 %, the pigment's edge by 4 nm. Free choices,
# of the order of what reflectance of one species' museum series shows.
_MELANIN_SD, _CAROTENOID_SD, _EDGE_SD_NM = 0.15, 0.12, 4.0
UV_SPOTS_TOTAL = 1.0
"""Structural UV of the two UV spots together, the same in every individual of either sex."""
FORWARD_SD = 0.06
"""Spread between individuals of one sex in the share of it that lies forward."""


def draw_species(
    name: str, role: Role, kind: Literal["butterfly", "bird"], rng: np.random.Generator
) -> Species:
    """A new species. Where sex or morph shows, the ground is yellow, the pigment on which they act."""
    ground = (
        "yellow"
        if role is not Role.PLAIN
        else str(rng.choice(["white", "yellow", "orange", "brown", "blue"]))
    )
    others = [paint for paint in _PAINTS if paint != ground]
    patches = [str(paint) for paint in rng.choice(others, body.N_PATCHES, replace=False)]
    spots = str(rng.choice([paint for paint in ("black", "white", "red") if paint != ground]))
    margin = str(rng.choice(["black", "brown"]))
    paints = np.array([_PAINTS[paint] for paint in (ground, *patches, spots, margin, "brown")])
    paints[:, :2] *= rng.uniform(0.85, 1.2, (body.N_REGIONS, 2))
    paints[:, 2] += rng.uniform(-6.0, 6.0, body.N_REGIONS)
    return Species(
        name=name,
        role=role,
        plan=body.draw_body_plan(rng, kind, has_uv_spots=role is Role.PATTERN),
        melanin=paints[:, 0],
        carotenoid=paints[:, 1],
        edge_nm=paints[:, 2],
        blue=paints[:, 3],
        brightness=float(rng.uniform(0.24, 0.34)),
    )


def draw_individuals(species: Species, rng: np.random.Generator, n: int) -> Individuals:
    """Individuals, without their sex and morph: these change nothing but what `Effects` says."""
    anatomy = body.draw_anatomy(species.plan, rng, n)
    return Individuals(anatomy, *np.clip(rng.standard_normal((7, n)), -MOST_DEVIATION, MOST_DEVIATION))


def region_bands(
    species: Species, individuals: Individuals, region: int, edge_shift_nm: Array | float
) -> Array:
    """Band values of one region, (n, bands).

    Args:
        species: of the individuals.
        individuals: (n,).
        region: number of the region in the plan.
        edge_shift_nm: of the pigment's edge, (n,) or one.
    """
    bands = pigment_bands(
        species.melanin[region] * np.exp(_MELANIN_SD * individuals.melanin),
        species.carotenoid[region] * np.exp(_CAROTENOID_SD * individuals.carotenoid),
        species.edge_nm[region] + _EDGE_SD_NM * individuals.edge + edge_shift_nm,
    )
    return np.asarray(bands + species.blue[region] * structural_bands()[0])


def edge_shift(species: Species, male: Labels, orange: Labels) -> Array:
    """Shift of the ground pigment's edge in nm, (n,).

    Args:
        species: of the individuals.
        male: (n,) bool.
        orange: (n,) bool: the morph.
    """
    return np.asarray(species.effects.male_edge_nm * male + species.effects.edge_nm * orange)


def light_factor(species: Species, individuals: Individuals, male: Labels) -> Array:
    """Brightness common to all bands, (n,); its mean over females is the species' gain.

    Args:
        species: of the individuals.
        individuals: (n,).
        male: (n,) bool.
    """
    sd = species.variation.light_sd
    return np.asarray(
        species.variation.gain * np.exp(sd * individuals.light - 0.5 * sd**2 + species.effects.light * male)
    )


def field_bands(species: Species, individuals: Individuals, male: Labels) -> Array:
    """Structural colour of the field, (n, bands).

    Args:
        species: of the individuals.
        individuals: (n,).
        male: (n,) bool.
    """
    blue, uv = structural_bands()
    variation, effects = species.variation, species.effects
    uv_amount = variation.uv_mean + variation.uv_sd * individuals.uv + effects.uv * male
    blue_amount = variation.blue_mean + variation.blue_sd * individuals.blue + effects.blue * male
    return np.asarray(uv_amount[:, None] * uv + blue_amount[:, None] * blue)


def forward_share(species: Species, individuals: Individuals, male: Labels) -> Array:
    """Share of the UV spots' structural UV that lies forward, (n,), about one half.

    Args:
        species: of the individuals.
        individuals: (n,).
        male: (n,) bool.
    """
    sign = np.where(male, 1.0, -1.0)
    return np.asarray(0.5 + FORWARD_SD * individuals.forward + species.effects.forward * sign)


def uv_spot_bands(species: Species, individuals: Individuals, male: Labels) -> Array:
    """Structural colour of the forward and the backward UV spot, (n, 2, bands).

    Args:
        species: of the individuals.
        individuals: (n,).
        male: (n,) bool.
    """
    forward = forward_share(species, individuals, male)
    amounts = UV_SPOTS_TOTAL * np.stack([forward, 1.0 - forward], axis=1)
    return np.asarray(amounts[:, :, None] * structural_bands()[1])


def colours(species: Species, individuals: Individuals, male: Labels, orange: Labels) -> Colours:
    """Everything that rendering needs to paint individuals of known sex and morph.

    Args:
        species: of the individuals.
        individuals: (n,).
        male: (n,) bool.
        orange: (n,) bool: the morph.
    """
    shift = edge_shift(species, male, orange)
    regions = [
        region_bands(species, individuals, region, shift if region == body.GROUND else 0.0)
        for region in range(body.N_REGIONS)
    ]
    return Colours(
        light=light_factor(species, individuals, male),
        regions=np.stack(regions, axis=1),
        field=field_bands(species, individuals, male),
        uv_spots=uv_spot_bands(species, individuals, male),
    )
