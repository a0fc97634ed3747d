"""Who is in a simulated study: species, specimens, captures, sessions and planted faults."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xmodal_pipeline.params.ingest import SimulationParams
from xmodal_pipeline.simulation.faults import PLANTED, Fault
from xmodal_pipeline.simulation.species import Role, Species, draw_species
from xmodal_pipeline.simulation.truth import (
    calibrate,
    draw_virtual,
    morph_separations,
    plant,
    sex_separation_of_pattern,
    sex_separation_of_sds,
    sex_separations,
)

# Keys of the independent random streams of a study. Each specimen and capture has a stream of its own,
# so that neither the number of workers nor the order of the work changes a pixel.
SPECIES_STREAM, SPECIMEN_STREAM, CAPTURE_STREAM, SESSION_STREAM, PLAN_STREAM = range(5)

# Invented names, so that no simulated figure is taken for a real animal's.
_GENERA = ("Chromalia", "Fictopieris", "Simulornis", "Lumenia", "Pseudocolias", "Arteficta", "Imagornis")
_STEMS = ("flav", "caerul", "nigr", "luc", "vari", "macul", "fasci", "ocell", "punct", "limb", "radi", "ser")
_ENDINGS = ("ata", "escens", "osa", "ella", "ina")
MAX_SPECIES = len(_GENERA) * len(_STEMS) * len(_ENDINGS)

_CAPTURES_PER_SESSION = 24


@dataclass(frozen=True)
class SpeciesTruth:
    """A species with the separations computed from its virtual specimens."""

    species: Species
    sex_delta_rgb: float
    sex_delta_uv: float
    sex_uv_adds: float
    sex_delta_uv_sd: float
    sex_delta_pattern: float
    morph_delta_rgb: float
    morph_delta_uv: float


@dataclass(frozen=True)
class PlannedCapture:
    """One file to be made."""

    species_index: int
    specimen: int
    """Number within the species, from 1."""
    is_male: bool
    is_orange: bool | None
    """None where the species has one morph."""
    is_repeat: bool
    session: int
    fault: Fault = Fault.NONE
    duplicate_of: int | None = None
    """The specimen whose file this one copies."""


def stream(params: SimulationParams, *key: int) -> np.random.Generator:
    """The random stream of one part of the study."""
    return np.random.default_rng([params.seed, *key])


def species_name(index: int) -> str:
    """An invented name, `Genus_species`."""
    genus, rest = index % len(_GENERA), index // len(_GENERA)
    stem = (rest + 5 * genus) % len(_STEMS)
    ending = (rest // len(_STEMS) + genus) % len(_ENDINGS)
    return f"{_GENERA[genus]}_{_STEMS[stem]}{_ENDINGS[ending]}"


def species_roles(params: SimulationParams) -> list[Role]:
    """The role of every species, in the order of their numbers.

    Raises:
        ValueError: if there are more species than names.
    """
    counts = {
        Role.UV_ONLY: params.n_effect_species,
        Role.REDUNDANT: params.n_redundant_species,
        Role.RGB_ONLY: params.n_rgb_only_species,
        Role.LEAKING: params.n_leaking_species,
        Role.PATTERN: params.n_pattern_species,
        Role.PLAIN: params.n_plain_species,
    }
    roles = [role for role, count in counts.items() for _ in range(count)]
    if not 1 <= len(roles) <= MAX_SPECIES:
        raise ValueError(
            f"simulated study: the number of species must be 1 to {MAX_SPECIES}, got {len(roles)}; "
            f"change ingest.simulation.n_effect_species and its neighbours"
        )
    return roles


def make_species(params: SimulationParams, index: int, role: Role) -> SpeciesTruth:
    """One species, its effects solved and its truth computed."""
    rng = stream(params, SPECIES_STREAM, index)
    is_bird = index % 3 == 2 and role is not Role.PATTERN  # whose UV spots need wings
    kind: Literal["butterfly", "bird"] = "bird" if is_bird else "butterfly"
    species = draw_species(species_name(index), role, kind, rng)
    virtual = draw_virtual(species, rng, male_share=params.male_share)
    species = plant(calibrate(species, virtual), virtual, params)
    sex = sex_separations(species, virtual, male_share=params.male_share)
    morph = morph_separations(species, virtual)
    return SpeciesTruth(
        species=species,
        sex_delta_rgb=sex.rgb,
        sex_delta_uv=sex.uv,
        sex_uv_adds=sex.uv_adds,
        sex_delta_uv_sd=sex_separation_of_sds(species, virtual, male_share=params.male_share),
        sex_delta_pattern=sex_separation_of_pattern(species, virtual),
        morph_delta_rgb=morph.rgb,
        morph_delta_uv=morph.uv,
    )


def plan_captures(params: SimulationParams, roles: list[Role]) -> list[PlannedCapture]:
    """Every capture of the study: sexes, morphs (half and half within each sex), repeats, sessions, faults.

    Raises:
        ValueError: if there are too few captures for the faults, or none at all.
    """
    rng = stream(params, PLAN_STREAM)
    captures = [one for index, role in enumerate(roles) for one in _plan_species(params, index, role, rng)]
    if not captures:
        raise ValueError(
            "simulated study: n_per_sex must be at least 1 in some species, got no specimen at all"
        )
    repeated = rng.choice(len(captures), round(params.repeat_share * len(captures)), replace=False)
    again = [replace(captures[k], is_repeat=True) for k in sorted(repeated)]
    captures = sorted([*captures, *again], key=lambda one: (one.species_index, one.specimen, one.is_repeat))
    captures = _assign_sessions(captures, rng)
    return _plan_faults(captures, params.fault_count, rng)


def _plan_species(
    params: SimulationParams, index: int, role: Role, rng: np.random.Generator
) -> list[PlannedCapture]:
    own = {Role.PLAIN: params.n_per_sex_plain, Role.PATTERN: params.n_per_sex_pattern}
    total = 2 * own.get(role, params.n_per_sex)
    n_male = round(total * params.male_share)
    planned: list[PlannedCapture] = []
    for is_male, count in ((False, total - n_male), (True, n_male)):
        has_morphs = role not in (Role.PLAIN, Role.RGB_ONLY, Role.PATTERN)
        morphs = rng.permutation(np.arange(count) < count // 2 + (count % 2 and rng.random() < 0.5))
        for k in range(count):
            planned.append(
                PlannedCapture(
                    species_index=index,
                    specimen=len(planned) + 1,
                    is_male=is_male,
                    is_orange=bool(morphs[k]) if has_morphs else None,
                    is_repeat=False,
                    session=0,
                )
            )
    return planned


def _assign_sessions(captures: list[PlannedCapture], rng: np.random.Generator) -> list[PlannedCapture]:
    """Sessions at random, whatever species and sex; the second capture of a specimen in another session."""
    n_sessions = max(2, round(len(captures) / _CAPTURES_PER_SESSION))
    sessions = rng.integers(n_sessions, size=len(captures))
    for k, capture in enumerate(captures):
        if capture.is_repeat:
            sessions[k] = (sessions[k - 1] + 1 + sessions[k] % (n_sessions - 1)) % n_sessions
    return [replace(one, session=int(session)) for one, session in zip(captures, sessions, strict=True)]


def _plan_faults(
    captures: list[PlannedCapture], count: int, rng: np.random.Generator
) -> list[PlannedCapture]:
    needed = count * len(PLANTED)
    if needed > len(captures):
        raise ValueError(
            f"simulated study: fault_count must be at most {len(captures) // len(PLANTED)} for "
            f"{len(captures)} captures and {len(PLANTED)} kinds of fault, got {count}; raise n_per_sex"
        )
    chosen = rng.choice(len(captures), needed, replace=False)
    planned, extra = list(captures), []
    specimens = {one.species_index: one.specimen for one in captures}
    for k, fault in zip(chosen, np.repeat(np.array(PLANTED, dtype=object), count), strict=True):
        if fault is Fault.DUPLICATE:
            source = captures[k]
            specimens[source.species_index] += 1
            number = specimens[source.species_index]
            extra.append(replace(source, specimen=number, fault=fault, duplicate_of=source.specimen))
        else:
            planned[k] = replace(planned[k], fault=fault)
    return [*planned, *extra]
