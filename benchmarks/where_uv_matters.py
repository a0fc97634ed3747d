"""Does the map of where UV matters show the place where a trait was planted?

    OMP_NUM_THREADS=1 python benchmarks/where_uv_matters.py

Simulated species whose sex shows only in which of two spots has more UV, photographed with UV on RGB and
taken as they are: no stage of the pipeline is run. The default variant trains on all of them with the
default settings. Per species the direction of UV given RGB is that of `uv_direction`; 20 specimens get a map
each, by occlusion. Printed: how much of the top tenth of the map over the specimen lies on the spots,
against the share of the specimen that they cover, which is chance. Exits with 1 if it is not above chance by
the lower limit of its 95 % interval over specimens.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xmodal_pipeline.evaluation.schema import COLOUR
from xmodal_pipeline.evaluation.uv_value.discriminant import uv_direction
from xmodal_pipeline.imaging.preparation import PreparedCapture
from xmodal_pipeline.params.ingest import SimulationParams
from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.simulation.camera import Offset, draw_pose, paint, photograph
from xmodal_pipeline.simulation.reflectance import LAYOUT
from xmodal_pipeline.simulation.species import Role, colours, draw_individuals
from xmodal_pipeline.simulation.study import SpeciesTruth, make_species
from xmodal_pipeline.specimens.prepared import Prepared, channel_statistics
from xmodal_pipeline.training import FitConfig, embed, fit
from xmodal_pipeline.training.influence import map_uv_influence

N_SPECIES, PER_SEX, SIZE, N_MAPS = 4, 24, 96, 20
TOP = 0.1
N_RGB = len(LAYOUT.rgb)


def take_capture(
    truth: SpeciesTruth, seed: list[int], *, is_male: bool
) -> tuple[PreparedCapture, NDArray[np.bool_]]:
    """One specimen as models see it, and the place of its two spots."""
    individual = draw_individuals(truth.species, np.random.default_rng([*seed, 0]), 1)
    look = colours(truth.species, individual, np.array([is_male]), np.array([False]))
    rng = np.random.default_rng([*seed, 1])
    bands, mask = photograph(
        truth.species, individual, look, size=SIZE, offset=Offset(), gains=np.ones(6), rng=rng
    )
    pose = draw_pose(np.random.default_rng([*seed, 1]))  # the first that `photograph` draws
    dark = look._replace(uv_spots=np.zeros_like(look.uv_spots))
    with_spots, without = (
        paint(truth.species, individual, one, size=SIZE, pose=pose, offset=Offset())[0][N_RGB]
        for one in (look, dark)
    )
    images = (bands * mask).astype(np.float16)
    capture = PreparedCapture(images[:N_RGB], images[N_RGB:], np.stack([mask, mask]).astype(np.uint8))
    return capture, (with_spots - without > 0.01) & mask


def make_study(seed: int) -> tuple[Prepared, NDArray[np.bool_], NDArray[np.intp], NDArray[np.bool_]]:
    """Captures, the places of their spots, their species and which of them are males."""
    params = SimulationParams(seed=seed)
    truths = [make_species(params, index, Role.PATTERN) for index in range(N_SPECIES)]
    species = np.repeat(np.arange(N_SPECIES), 2 * PER_SEX)
    male = np.arange(len(species)) % 2 == 1
    made = [take_capture(truths[s], [seed, int(s), k], is_male=bool(male[k])) for k, s in enumerate(species)]
    captures = [capture for capture, _ in made]
    names = tuple(str(k) for k in range(len(species)))
    partitions = tuple("validation" if k % 10 >= 8 else "train" for k in range(len(species)))
    arrays = (np.stack(part) for part in zip(*captures, strict=True))
    prepared = Prepared(
        *arrays, names, names, partitions, channel_statistics(captures), LAYOUT.rgb, LAYOUT.uv, False
    )
    return prepared, np.stack([place for _, place in made]), species, male


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="an .npz of images, places and maps to look at")
    options = parser.parse_args()
    prepared, places, species, male = make_study(options.seed)
    params = Parameters()
    variant = next(name for name in params.evaluation.uv_value_features if name != COLOUR)
    chosen = params.variants[variant].model_dump()
    config = FitConfig.for_prepared(prepared, params.training, params.loss, params.augmentation, chosen)
    with tempfile.TemporaryDirectory() as state:
        checkpoint = fit(config, prepared, Path(state)).checkpoint
    table = embed(checkpoint, prepared).embeddings
    columns = [name for name in table.columns if name[0] == "x" and name[1:].isdigit()]
    rgb, uv = (table.loc[table["modality"] == name, columns].to_numpy(float) for name in ("rgb", "uv"))
    overlaps, chances, kept = [], [], []
    for s in range(N_SPECIES):
        own = np.flatnonzero(species == s)
        direction = uv_direction(rgb[own], uv[own], male[own])
        rows = own[: N_MAPS // N_SPECIES]
        maps = map_uv_influence(checkpoint, prepared, rows, direction)
        for row, influence in zip(rows, maps, strict=True):
            inside = prepared.masks[row, 1] > 0
            for_its_sex = influence[inside] * (1 if male[row] else -1)
            place = places[row][inside]
            top = np.argsort(for_its_sex)[-round(TOP * len(place)) :]
            overlaps.append(float(place[top].mean()))
            chances.append(float(place.mean()))
        kept.append(maps)
    overlap, chance = np.array(overlaps), np.array(chances)
    gain = overlap - chance
    low = gain.mean() - 1.96 * gain.std(ddof=1) / len(gain) ** 0.5
    print(
        f"{len(gain)} specimens of {N_SPECIES} species: {overlap.mean():.2f} of the top tenth on the spots, "
        f"chance {chance.mean():.2f}, gain {gain.mean():+.2f} (95 % interval from {low:+.2f}); above "
        f"chance in {(gain > 0).sum()} of {len(gain)}"
    )
    if options.save:
        rows = np.concatenate([np.flatnonzero(species == s)[: N_MAPS // N_SPECIES] for s in range(N_SPECIES)])
        np.savez(options.save, uv=prepared.uv[rows], places=places[rows], maps=np.concatenate(kept))
    sys.exit(0 if low > 0 else 1)


if __name__ == "__main__":
    main()
