"""What a perfect instrument would find: separations of sex and morph, computed, and planted to measure.

The statistic is the mean of each band over the specimen, for SDs its SD there, without shading, scale rows,
noise, blur or session: the integral over the outline of the functions that rendering paints, by quadrature.
Each of 2,000 virtual specimens is computed as either sex (and either morph), so the class difference has no
sampling error and is exactly zero where nothing is planted.
"""

from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import NamedTuple

import numpy as np
import scipy  # not its submodule optimize, which loads by itself on first use

from xmodal_pipeline.params.ingest import SimulationParams
from xmodal_pipeline.simulation import morphology as body
from xmodal_pipeline.simulation.morphology import Anatomy, Array, BodyPlan
from xmodal_pipeline.simulation.reflectance import LAYOUT, structural_bands
from xmodal_pipeline.simulation.species import (
    FORWARD_SD,
    MOST_DEVIATION,
    NO_EFFECT,
    Individuals,
    Labels,
    Role,
    Species,
    Variation,
    colours,
    draw_individuals,
    edge_shift,
    field_bands,
    forward_share,
    light_factor,
    region_bands,
    uv_spot_bands,
)

N_VIRTUAL = 2000
N_RGB = len(LAYOUT.rgb)
# Directions and heights of the quadrature over half a specimen: halving both steps moves a band mean by
# less than 0.5 % of its spread between individuals.
_N_DIRECTIONS, _N_HEIGHTS, _SOFTNESS = 32, 12, 0.03
# UV spots are small, and their areas must be seen to be equal: steps of one third.
_FINER_FOR_SPOTS = 3
_CHUNK = 100
_MAX_KEPT = 16

BRIGHTNESS_CV = 0.17
"""Coefficient of variation of the mean of R, G and B within species; museum series have 15 to 20 %."""
UV_CV = 0.10
"""Spread of UV that comes from the structure alone, so that UV is not a function of RGB."""
BLUE_CV = 0.05
# Females keep some structure: three standard deviations above none.
_STRUCTURE_MEAN_IN_SD = 3.0
LEAK_SHARE = 0.4
"""δ in RGB over δ in UV, in leaking species."""


class Separations(NamedTuple):
    """δ of one label: Mahalanobis distance between the class means, within-class covariance pooled."""

    rgb: float
    uv: float
    uv_adds: float
    """Square root of Rao's additional information: δ²(RGB and UV) − δ²(RGB)."""


class Areas(NamedTuple):
    """How much of n specimens each layer covers: the regions, the field and the two UV spots."""

    shares: Array
    """(n, layers): mean over the specimen of the layer's weight, mottle included."""
    products: Array
    """(n, layers, layers): mean of the product of two layers' weights, mottle squared included."""

    @property
    def ground(self) -> Array:
        """(n,)."""
        return self.shares[:, body.GROUND]

    @property
    def field(self) -> Array:
        """(n,)."""
        return self.shares[:, body.N_REGIONS]

    @property
    def uv_spots(self) -> Array:
        """(n, 2)."""
        return self.shares[:, body.N_REGIONS + 1 :]


@dataclass(frozen=True, eq=False)
class VirtualSpecimens:
    """Specimens known by their areas and deviates only. Nothing here depends on sex, morph or effects."""

    individuals: Individuals
    areas: Areas
    rest: Array
    """Band values of all regions but the ground, weighted by area, (n, bands)."""
    male: Labels
    orange: Labels
    _ground: dict[float, Array] = dataclass_field(default_factory=dict)

    def ground(self, species: Species, shift_nm: float) -> Array:
        """Band values of the ground with its pigment's edge moved, (n, bands)."""
        if shift_nm not in self._ground:
            if len(self._ground) > _MAX_KEPT:  # solving tries many shifts, each a few times
                self._ground.clear()
            self._ground[shift_nm] = region_bands(species, self.individuals, body.GROUND, shift_nm)
        return self._ground[shift_nm]


def measure_areas(plan: BodyPlan, anatomy: Anatomy) -> Areas:
    """What each layer covers, by quadrature over half a specimen."""
    finer = _FINER_FOR_SPOTS if plan.uv_spot_radius else 1
    n_directions, n_heights = finer * _N_DIRECTIONS, finer * _N_HEIGHTS
    angle = (np.arange(n_directions) + 0.5) / n_directions * np.pi - 0.5 * np.pi
    height = np.repeat(np.sqrt((np.arange(n_heights) + 0.5) / n_heights), n_directions)[None]
    cos, sin = np.cos(angle)[None], np.sin(angle)[None]
    shares, products = [], []
    for start in range(0, len(anatomy.lobe_reach), _CHUNK):
        part = Anatomy(*(values[start : start + _CHUNK] for values in anatomy))
        radius = body.outline_radius(plan, part, cos, sin)
        reach = height * np.tile(radius, n_heights)
        x, y = reach * np.tile(cos, n_heights), reach * np.tile(sin, n_heights)
        regions, field, uv_spots = body.region_weights(plan, part, x, y, height, softness=_SOFTNESS)
        layers = np.concatenate([regions, field[None], uv_spots])
        area = np.tile(np.square(radius), n_heights)
        area = area / area.sum(axis=1, keepdims=True)
        mottled = (layers * body.mottle(part, x, y)).transpose(1, 0, 2)
        shares.append((mottled @ area[:, :, None])[:, :, 0])
        products.append((mottled * area[:, None]) @ mottled.transpose(0, 2, 1))
    return Areas(np.concatenate(shares), np.concatenate(products))


def draw_virtual(
    species: Species, rng: np.random.Generator, *, male_share: float, n: int = N_VIRTUAL
) -> VirtualSpecimens:
    """Draw virtual specimens and measure their areas; the costly part, done once per species."""
    individuals = draw_individuals(species, rng, n)
    areas = measure_areas(species.plan, individuals.anatomy)
    others = range(body.GROUND + 1, body.N_REGIONS)
    painted = [areas.shares[:, k : k + 1] * region_bands(species, individuals, k, 0.0) for k in others]
    return VirtualSpecimens(
        individuals=individuals,
        areas=areas,
        rest=np.sum(painted, axis=0),
        male=rng.random(n) < male_share,
        orange=rng.random(n) < 0.5,
    )


def band_means(species: Species, virtual: VirtualSpecimens, male: Labels, orange: Labels) -> Array:
    """Mean of every band over each specimen, (n, bands) in the order of the layout: R, G, B, then UV.

    Args:
        species: of the specimens.
        virtual: n specimens.
        male: (n,) bool.
        orange: (n,) bool: the morph.
    """
    shift = edge_shift(species, male, orange)
    ground = np.zeros_like(virtual.rest)
    for value in np.unique(shift):
        ground = np.where((shift == value)[:, None], virtual.ground(species, float(value)), ground)
    inner = virtual.rest + virtual.areas.ground[:, None] * ground
    inner = inner + virtual.areas.field[:, None] * field_bands(species, virtual.individuals, male)
    spots = uv_spot_bands(species, virtual.individuals, male)
    inner = inner + np.einsum("ns,nsb->nb", virtual.areas.uv_spots, spots)
    return np.asarray(light_factor(species, virtual.individuals, male)[:, None] * inner)


def band_sds(species: Species, virtual: VirtualSpecimens, male: Labels, orange: Labels) -> Array:
    """SD of every band over each specimen's area, (n, bands); the arguments of `band_means`."""
    look = colours(species, virtual.individuals, male, orange)
    layers = np.concatenate([look.regions, look.field[:, None], look.uv_spots], axis=1)
    means = np.einsum("nl,nlb->nb", virtual.areas.shares, layers)
    squares = np.einsum("nlb,nlb->nb", virtual.areas.products @ layers, layers)
    return np.asarray(look.light[:, None] * np.sqrt(squares - means**2))


def separations(first: Array, second: Array, *, second_share: float) -> Separations:
    """δ between two classes, given every specimen as a member of either, (n, bands) each.

    Args:
        first: band means as members of the first class.
        second: the same specimens as members of the second.
        second_share: how much of the pooled covariance comes from the second.
    """
    difference = (second - first).mean(axis=0)
    pooled = (1.0 - second_share) * np.cov(first.T) + second_share * np.cov(second.T)
    rgb, uv, both = slice(None, N_RGB), slice(N_RGB, None), slice(None)
    squared = [
        float(difference[part] @ np.linalg.solve(pooled[part, part], difference[part]))
        for part in (rgb, uv, both)
    ]
    adds = max(squared[2] - squared[0], 0.0)
    return Separations(rgb=squared[0] ** 0.5, uv=squared[1] ** 0.5, uv_adds=adds**0.5)


def sex_separations(species: Species, virtual: VirtualSpecimens, *, male_share: float) -> Separations:
    """δ of sex among specimens of either morph."""
    every = np.ones(len(virtual.male), dtype=bool)
    females = band_means(species, virtual, ~every, virtual.orange)
    return separations(females, band_means(species, virtual, every, virtual.orange), second_share=male_share)


def sex_separation_of_sds(species: Species, virtual: VirtualSpecimens, *, male_share: float) -> float:
    """δ of sex in the SDs of the UV bands over the specimen."""
    every = np.ones(len(virtual.male), dtype=bool)
    females = band_sds(species, virtual, ~every, virtual.orange)
    males = band_sds(species, virtual, every, virtual.orange)
    return separations(females, males, second_share=male_share).uv


def sex_separation_of_pattern(species: Species, virtual: VirtualSpecimens) -> float:
    """δ of sex in how much of the UV spots' light lies forward; 0 in species without them."""
    if not species.plan.uv_spot_radius:
        return 0.0
    every = np.ones(len(virtual.male), dtype=bool)
    females, males = (forward_share(species, virtual.individuals, male) for male in (~every, every))
    return float((males - females).mean() / females.std(ddof=1))


def morph_separations(species: Species, virtual: VirtualSpecimens) -> Separations:
    """δ of morph among specimens of either sex."""
    every = np.ones(len(virtual.male), dtype=bool)
    yellow = band_means(species, virtual, virtual.male, ~every)
    return separations(yellow, band_means(species, virtual, virtual.male, every), second_share=0.5)


def calibrate(species: Species, virtual: VirtualSpecimens) -> Species:
    """Set level and spread so that brightness, UV and blue vary within the species as they should."""
    blue, uv = structural_bands()
    female = np.zeros(len(virtual.male), dtype=bool)
    still = replace(species, variation=Variation(light_sd=0.0), effects=NO_EFFECT)
    means = band_means(still, virtual, female, female)
    field = float(virtual.areas.field.mean())
    base_uv = float(means[:, N_RGB:].mean())
    uv_sd = UV_CV * base_uv / (1.0 - UV_CV * _STRUCTURE_MEAN_IN_SD) / (field * float(uv[N_RGB:].mean()))
    blue_sd = BLUE_CV * float(means[:, N_RGB - 1].mean()) / (field * float(blue[N_RGB - 1]))
    variation = Variation(
        1.0, 0.0, _STRUCTURE_MEAN_IN_SD * uv_sd, uv_sd, _STRUCTURE_MEAN_IN_SD * blue_sd, blue_sd
    )
    visible = band_means(replace(still, variation=variation), virtual, female, female)[:, :N_RGB].mean(axis=1)
    # A product of independent factors: 1 + CV² multiplies, and a lognormal factor has 1 + CV² = exp(sd²).
    own = float(visible.var() / visible.mean() ** 2)
    light_sd = np.log((1.0 + BRIGHTNESS_CV**2) / (1.0 + min(own, BRIGHTNESS_CV**2))) ** 0.5
    gain = float(np.clip(species.brightness / visible.mean(), 0.5, 1.6))
    return replace(species, variation=variation._replace(gain=gain, light_sd=float(light_sd)))


def plant(species: Species, virtual: VirtualSpecimens, params: SimulationParams) -> Species:
    """Solve the effects for the requested δ, and return the species with them.

    Sex and morph widen one another's within-class spread, so they are solved in turn until they settle.

    Raises:
        ValueError: if a requested δ cannot be reached.
    """
    if species.role is Role.PLAIN:
        return species
    if species.role is Role.PATTERN:
        return _plant_pattern(species, params)
    for _ in range(3):
        for goal in _GOALS[species.role]:
            direction = _direction(species, virtual, goal, male_share=params.male_share)
            species = _reach(species, virtual, goal, direction, params)
    return species


def _plant_pattern(species: Species, params: SimulationParams) -> Species:
    """Move light between the spots so that its forward share differs by the requested δ."""
    forward = 0.5 * params.pattern_effect * FORWARD_SD
    reachable = 2.0 * (0.5 - MOST_DEVIATION * FORWARD_SD) / FORWARD_SD
    if params.pattern_effect > reachable:
        raise ValueError(
            f"simulated species '{species.name}': pattern_effect must be at most {reachable:.3g}, where a "
            f"spot has no UV left, got {params.pattern_effect:g}; lower ingest.simulation.pattern_effect"
        )
    return _with(species, {"forward": forward})


class Goal(NamedTuple):
    """One requested δ and the effects that bring it about."""

    label: str
    knob: str
    helpers: tuple[str, ...]
    """Further effects, in proportion to `knob`, that keep what UV adds at zero."""
    measure: str
    """The field of `Separations` that must reach `request`."""
    request: str
    """The parameter that holds the requested δ."""
    share: float = 1.0
    """How much of the request."""


_MORPH = Goal("morph", "edge_nm", (), "rgb", "rgb_effect")
# At equal brightness (light and blue against a longer edge) RGB tells the sexes apart without UV's help;
# a change of brightness alone would let UV, as a second measure of brightness, sharpen what RGB shows.
_GOALS: dict[Role, tuple[Goal, ...]] = {
    Role.UV_ONLY: (Goal("sex", "uv", (), "uv_adds", "uv_effect"), _MORPH),
    Role.RGB_ONLY: (Goal("sex", "blue", ("male_edge_nm",), "rgb", "rgb_effect"),),
    Role.REDUNDANT: (Goal("sex", "light", ("uv", "blue"), "rgb", "shared_effect"), _MORPH),
    Role.LEAKING: (
        Goal("sex", "blue", (), "rgb", "uv_effect", LEAK_SHARE),
        Goal("sex", "uv", (), "uv", "uv_effect"),
        _MORPH,
    ),
}
_STEP = {"uv": 0.1, "blue": 0.05, "light": 0.2, "male_edge_nm": 5.0, "edge_nm": 5.0}
_MAX_DOUBLINGS = 5


def _with(species: Species, effects: dict[str, float]) -> Species:
    return replace(species, effects=species.effects._replace(**effects))


def _direction(
    species: Species, virtual: VirtualSpecimens, goal: Goal, *, male_share: float
) -> dict[str, float]:
    """The effects of a goal in proportion to its knob, helpers chosen so that UV adds least.

    Linearised about the effects as they stand. What UV adds is |L a|² with a = d_uv − B d_rgb, B the
    regression of UV on RGB and LᵀL the inverse of its residual covariance, which makes the helpers a
    least-squares solution.
    """
    if not goal.helpers:
        return {goal.knob: 1.0}
    every = np.ones(len(virtual.male), dtype=bool)
    size = getattr(species.effects, goal.knob) or 0.2 * _STEP[goal.knob]
    still = _with(species, dict.fromkeys((goal.knob, *goal.helpers), 0.0))
    start = band_means(still, virtual, ~every, virtual.orange)
    end = band_means(species, virtual, every, virtual.orange)
    pooled = (1.0 - male_share) * np.cov(start.T) + male_share * np.cov(end.T)
    slopes = np.linalg.solve(pooled[:N_RGB, :N_RGB], pooled[:N_RGB, N_RGB:]).T
    residual = pooled[N_RGB:, N_RGB:] - slopes @ pooled[:N_RGB, N_RGB:]
    whiten = np.linalg.cholesky(np.linalg.inv(residual)).T

    def unexplained(moved: dict[str, float]) -> Array:
        males = band_means(_with(still, moved), virtual, every, virtual.orange)
        difference = (males - start).mean(axis=0)
        return np.asarray(whiten @ (difference[N_RGB:] - slopes @ difference[:N_RGB]))

    alone = unexplained({goal.knob: size})
    steps = [0.2 * _STEP[knob] for knob in goal.helpers]
    columns = np.stack(
        [
            (unexplained({goal.knob: size, knob: step}) - alone) / step * size
            for knob, step in zip(goal.helpers, steps, strict=True)
        ],
        axis=1,
    )
    amounts = np.linalg.lstsq(columns, -alone, rcond=None)[0]
    return {goal.knob: 1.0, **dict(zip(goal.helpers, (float(amount) for amount in amounts), strict=True))}


def _reach(
    species: Species,
    virtual: VirtualSpecimens,
    goal: Goal,
    direction: dict[str, float],
    params: SimulationParams,
) -> Species:
    """Go along `direction` until the goal's δ is what was asked for."""
    target = goal.share * float(getattr(params, goal.request))

    def at(size: float) -> Species:
        return _with(species, {knob: size * amount for knob, amount in direction.items()})

    def excess(size: float) -> float:
        if goal.label == "morph":
            return morph_separations(at(size), virtual).rgb - target
        found = sex_separations(at(size), virtual, male_share=params.male_share)
        return float(getattr(found, goal.measure)) - target

    if target == 0.0 or excess(0.0) >= 0.0:
        return at(0.0)
    for doubling in range(_MAX_DOUBLINGS):
        upper = _STEP[goal.knob] * 2.0**doubling
        if excess(upper) > 0.0:
            return at(float(scipy.optimize.brentq(excess, 0.0, upper, xtol=1e-4 * upper)))
    raise ValueError(
        f"simulated species '{species.name}': {goal.request} must be reachable by a realistic change of "
        f"{goal.knob}, got δ = {target:g}; lower ingest.simulation.{goal.request}"
    )
