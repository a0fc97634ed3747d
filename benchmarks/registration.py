"""Registration, measured: errors, verdicts and cost on simulated and real captures.

Thresholds were set on seeds up to 2001, which this script does not use. Real pictures are used where
`--real` names the folder that holds `vis_nir` and `video2vision_uv_vis`.

    python benchmarks/registration.py [--real FOLDER] [--captures 36] [--brief]
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageOps
from scipy import ndimage

from xmodal_pipeline.imaging.calibration import linearise_srgb
from xmodal_pipeline.imaging.registration import (
    Registration,
    estimate_registration,
    registration_matrix,
    verdict,
)
from xmodal_pipeline.imaging.registration.geometry import similarity, warp
from xmodal_pipeline.imaging.registration.turn import is_similarity_available
from xmodal_pipeline.params.ingest import RegistrationParams, SimulationParams
from xmodal_pipeline.simulation import simulate_study, study
from xmodal_pipeline.simulation.camera import Offset, draw_session_gains, photograph
from xmodal_pipeline.simulation.species import colours, draw_individuals

PARAMS = RegistrationParams()
SEED = 3001
RELATIONS = ("concordant", "inverted", "unrelated")
BACKGROUNDS = ("card", "cut out", "white")
UNREADABLE = {"truncated", "empty_mask", "not_finite", "duplicate"}
Pair = tuple[np.ndarray, np.ndarray, np.ndarray]


def smooth_noise(rng: np.random.Generator, size: int, sigma: float) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.standard_normal((size, size)), sigma)
    return field / field.std()


def simulate_pair(
    rng: np.random.Generator, size: int, relation: str, background: str, matrix: np.ndarray, snr: float
) -> Pair:
    """A lobed, shaded, textured specimen; UV blurred by 0.9 px, with shot noise, seen through `matrix`."""
    y, x = np.mgrid[:size, :size] - size / 2 - rng.uniform(-0.05, 0.05, (2, 1, 1)) * size
    angle, radius = np.arctan2(y, x), np.hypot(y / 1.25, x)
    lobes = sum(rng.normal(0, 0.12) / k * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(1, 7))
    reach = 0.29 * size * (1 + lobes)
    mask = radius < reach
    kinds = int(rng.integers(4, 9))
    cuts = np.quantile(rng.standard_normal(5000), np.linspace(0, 1, kinds + 1)[1:-1])
    patch = np.digitize(smooth_noise(rng, size, size / rng.uniform(12, 30)), cuts)
    visible = rng.uniform(0.04, 0.7, (kinds, 3))
    level = visible.mean(1)
    reflected = {
        "concordant": 0.05 + 0.6 * level,
        "inverted": 0.55 - 0.6 * level,
        "unrelated": rng.uniform(0.03, 0.6, kinds),
    }[relation]
    texture = 1 + 0.12 * smooth_noise(rng, size, 1.6) + 0.08 * smooth_noise(rng, size, 4)
    shade = 0.65 + 0.35 * np.sqrt(np.clip(1 - (radius / reach) ** 2, 0, 1))
    behind = (0.8, 0.25) if background == "white" else (0.05, 0.04)
    rgb = np.stack([np.where(mask, visible[patch, k] * texture * shade, behind[0]) for k in range(3)])
    uv = np.where(mask, reflected[patch] * (1 + 0.8 * (texture - 1)) * shade, behind[1])
    uv = warp(ndimage.gaussian_filter(uv, 0.9), np.linalg.inv(matrix), order=3)
    rgb = shot_noise(rng, ndimage.gaussian_filter(rgb, (0, 0.6, 0.6)), 60)
    uv = shot_noise(rng, uv * np.array([1, 0.9, 0.8])[:, None, None], snr)
    keep = mask if background == "cut out" else 1
    return (rgb * keep).astype(np.float32), (uv * keep).astype(np.float32), mask


def shot_noise(rng: np.random.Generator, bands: np.ndarray, snr: float) -> np.ndarray:
    """Noise with the given signal-to-noise ratio at a reflectance of 0.3."""
    spread = 0.3 / snr * np.sqrt(np.clip(bands, 0.02, None) / 0.3)
    return bands + spread * rng.standard_normal(bands.shape)


def about_centre(size: int, dx: float, dy: float, rotation_deg: float, scale: float) -> np.ndarray:
    middle = (size - 1) / 2
    turn = float(np.deg2rad(rotation_deg))
    return similarity(angle_rad=turn, scale=scale, shift=(dx, dy), centre=(middle, middle))


def line(name: str, found: list[Registration], errors: list[float], seconds: float) -> None:
    counts = Counter(one.status for one in found)
    verdicts = "  ".join(
        f"{status} {counts[status]:3d}" for status in ("ok", "corrected", "failed", "abstained")
    )
    median, high = np.quantile(errors, [0.5, 0.95]) if errors else (np.nan, np.nan)
    within = np.mean(np.array(errors) < 0.5) if errors else np.nan
    wrong = sum(one.status in ("ok", "corrected") and e > 1 for one, e in zip(found, errors, strict=False))
    cost = 1000 * seconds / max(1, len(found))
    print(
        f"{name:42s} n {len(found):3d}  {verdicts}  error {median:6.3f}  95 % {high:7.3f}  "
        f"<0.5 px {within:4.2f}  accepted >1 px {wrong:2d}  {cost:5.0f} ms",
        flush=True,
    )


def measure(name: str, captures: Iterator[tuple[Pair, float, float]], *, correct: bool) -> None:
    found, errors, seconds = [], [], 0.0
    for pair, dx, dy in captures:
        start = time.process_time()
        one = estimate_registration(*pair, PARAMS, correct=correct)
        seconds += time.process_time() - start
        found.append(one)
        errors.append(float(np.hypot(one.dx_px - dx, one.dy_px - dy)))
    line(name, found, errors, seconds)


def patterned(
    n: int, size: int, *, shift: float | None, rotation: float = 0, scale: float = 1, snr: float = 30
) -> Iterator[tuple[Pair, float, float]]:
    """Shifts of a given length in any direction, or of up to 6 px where it is None."""
    rng = np.random.default_rng(SEED + size)
    for k in range(n):
        turn = rng.uniform(0, 2 * np.pi)
        dx, dy = rng.uniform(-6, 6, 2) if shift is None else (shift * np.cos(turn), shift * np.sin(turn))
        matrix = about_centre(size, dx, dy, rotation, scale)
        pair = simulate_pair(rng, size, RELATIONS[k % 3], BACKGROUNDS[k // 3 % 3], matrix, snr)
        yield pair, dx, dy


def noise_only(n: int, size: int) -> Iterator[tuple[Pair, float, float]]:
    rng = np.random.default_rng(SEED)
    for k in range(n):
        rgb, uv, mask = simulate_pair(rng, size, "concordant", BACKGROUNDS[k % 3], np.eye(3), 30)
        noise = (0.02 + 0.005 * rng.standard_normal(uv.shape)).astype(np.float32)
        yield (rgb, noise * mask if k % 3 == 1 else noise, mask), 0.0, 0.0


def patterns(n: int) -> None:
    for size in (96, 192, 256, 512):
        print(f"\nPatterned specimens, {size} px")
        measure("shift up to 6 px, correct", patterned(n, size, shift=None), correct=True)
        measure("aligned, correct", patterned(n, size, shift=0.0), correct=True)
        measure("aligned, check", patterned(n, size, shift=0.0), correct=False)
        measure("shift 2 px, check", patterned(n, size, shift=2.0), correct=False)
        for rotation, scale in ((1.0, 1.0), (-1.0, 1.0), (0.0, 1.01), (0.0, 0.99)):
            name = f"rotation {rotation} deg, scale {scale}, check"
            measure(name, patterned(n, size, shift=0.0, rotation=rotation, scale=scale), correct=False)
        measure("noise-only UV", noise_only(n, size), correct=True)
        for snr in (10, 3, 2, 1):
            measure(
                f"UV signal to noise {snr}, correct", patterned(n, size, shift=None, snr=snr), correct=True
            )


def studies() -> None:
    for size, faults, n_per_sex in ((96, 12, 9), (256, 9, 7), (512, 6, 5)):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "study"
            params = SimulationParams(
                image_size_px=size,
                seed=SEED,
                fault_count=faults,
                n_per_sex=n_per_sex,
                n_effect_species=5,
                n_pattern_species=0,
                n_redundant_species=0,
                n_plain_species=5,
            )
            truth = simulate_study(params, root, n_jobs=1)
            print(f"\nSimulated study, {size} px")
            for fault in ("", "shifted", "rotated", "scaled", "noise_uv", "dead_uv_band"):
                rows = truth[truth["fault"] == fault]
                captures = (
                    (stored_pair(root / f"{row.capture_id}.tif"), row.dx_px, row.dy_px)
                    for row in rows.itertuples()
                )
                measure(f"{fault or 'no fault'}, correct", captures, correct=True)


def limits() -> None:
    """What rotation and scale can be told at each size: captures of species that set no threshold."""
    for size, n_each in ((96, 12), (256, 4), (512, 2)):
        params = SimulationParams(
            image_size_px=size,
            seed=SEED,
            n_effect_species=5,
            n_pattern_species=0,
            n_redundant_species=0,
            n_plain_species=5,
        )
        roles = study.species_roles(params)
        truths = [study.make_species(params, index, role) for index, role in enumerate(roles)]
        print(f"\nRotation and scale, {size} px, n {len(roles) * n_each} each")
        for rotation, scale in (
            (0.0, 1.0), (1.0, 1.0), (-1.0, 1.0), (0.0, 1.01), (0.0, 0.99), (0.0, 1.02), (0.0, 0.98)
        ):  # fmt: skip
            found = [
                estimate_registration(
                    *planted(params, truth, index, number, rotation, scale), PARAMS, correct=True
                )
                for index, truth in enumerate(truths)
                for number in range(1, n_each + 1)
            ]
            turns = np.array([(one.measured_rotation_deg, one.measured_scale) for one in found])
            least = np.nanmedian([one.detectable_scale_error for one in found])
            caught = np.mean([one.status in ("failed", "abstained") for one in found])
            print(
                f"rotation {rotation:4.1f} deg, scale {scale:4.2f}: not accepted {caught:4.2f}  "
                f"measured {np.nanmedian(turns[:, 0]):6.2f} deg, sd {np.nanstd(turns[:, 0]):4.2f}  "
                f"scale {np.nanmedian(turns[:, 1]):6.4f}, sd {np.nanstd(turns[:, 1]):6.4f}  "
                f"95 % found from {least:.4f}",
                flush=True,
            )


def planted(
    params: SimulationParams,
    truth: study.SpeciesTruth,
    index: int,
    number: int,
    rotation: float,
    scale: float,
) -> Pair:
    """One simulated specimen, its UV seen through a known rotation, scale and any shift up to 4 px."""
    individual = draw_individuals(
        truth.species, study.stream(params, study.SPECIMEN_STREAM, index, number), 1
    )
    look = colours(truth.species, individual, np.array([number % 2 == 1]), np.array([number % 4 < 2]))
    rng = study.stream(params, study.CAPTURE_STREAM, index, number, int(rotation) + 1, round(1000 * scale))
    dx, dy = (float(value) for value in rng.uniform(-4, 4, 2))
    gains = draw_session_gains(study.stream(params, study.SESSION_STREAM, number % 4))
    offset = Offset(dx, dy, rotation, scale)
    bands, mask = photograph(
        truth.species, individual, look, size=params.image_size_px, offset=offset, gains=gains, rng=rng
    )
    unit = np.clip(bands, 0, 1).astype(np.float32)
    return unit[:3], unit[3:], mask


def stored_pair(path: Path) -> Pair:
    stack = tifffile.imread(path).astype(np.float32) / 65535
    return stack[:3], stack[3:6], stack[6] > 0


def read_photograph(path: Path, *, linear: bool = False) -> np.ndarray:
    pixels = np.asarray(ImageOps.exif_transpose(Image.open(path)), dtype=np.float32) / 255
    bands = np.moveaxis(np.atleast_3d(pixels), 2, 0)
    return linearise_srgb(bands) if linear else bands


def read_pair(path: Path, *, linear: bool) -> tuple[np.ndarray, np.ndarray]:
    return tuple(
        read_photograph(path.with_name(path.name.replace("rgb", name)), linear=linear)
        for name in ("rgb", "nir")
    )


def real_shifts(folder: Path, *, linear: bool) -> None:
    rng = np.random.default_rng(SEED)
    errors, statuses = [], Counter()
    for path in sorted(folder.glob("*_rgb.jpg")):
        rgb, nir = read_pair(path, linear=linear)
        core = np.s_[:, 40:-40, 40:-40]
        mask = np.ones(rgb[core].shape[1:], dtype=bool)
        start = estimate_registration(rgb[core], nir[core], mask, PARAMS, correct=False)
        statuses[estimate_registration(rgb[core], nir[core], mask, PARAMS, correct=True).status] += 1
        for dx, dy in rng.uniform(-8, 8, (4, 2)):
            there = similarity(angle_rad=0, scale=1, shift=(-dx, -dy), centre=(0, 0))
            moved = np.stack([warp(band, there, order=3) for band in nir])
            one = estimate_registration(rgb[core], moved[core], mask, PARAMS, correct=False)
            errors.append(float(np.hypot(one.dx_px - start.dx_px - dx, one.dy_px - start.dy_px - dy)))
    median, high = np.quantile(errors, [0.5, 0.9])
    within = np.mean(np.array(errors) < 0.5)
    print(f"as they are: {dict(statuses)}")
    print(f"known shifts added: n {len(errors)}  error {median:.3f}  90 % {high:.3f}  <0.5 px {within:.2f}")


def real_similarities(folder: Path, *, linear: bool) -> None:
    for path in sorted(folder.glob("*_rgb.jpg")):
        rgb, nir = read_pair(path, linear=linear)
        truth = np.load(path.with_name(path.name.replace("_rgb.jpg", "_nir.npy")))
        height, width = rgb.shape[1:]
        one = estimate_registration(rgb, nir, np.ones((height, width), dtype=bool), PARAMS, correct=True)
        y, x = np.mgrid[:height:16, :width:16]
        points = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
        apart = (registration_matrix(one, (height, width))[:2] - truth) @ points
        print(f"{path.name}: {one.status}, RMS {np.sqrt((apart**2).sum(0).mean()):.2f} px")


def real_uv(folder: Path, *, linear: bool) -> None:
    names = "vis_sample.jpg", "uv_aligned_sample.jpg"
    rgb, uv = (read_photograph(folder / name, linear=linear) for name in names)
    mask = np.ones(rgb.shape[1:], dtype=bool)
    start = time.process_time()
    one = estimate_registration(rgb, uv, mask, PARAMS, correct=False)
    seconds = time.process_time() - start
    print(f"({one.dx_px:.2f}, {one.dy_px:.2f}) px, {one.status}, margin {one.margin:.3f}, {seconds:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure registration.")
    parser.add_argument("--real", type=Path, help="folder with vis_nir and video2vision_uv_vis")
    parser.add_argument("--captures", type=int, default=36, help="pairs per line of the first tables")
    parser.add_argument("--brief", action="store_true", help="leave the patterned specimens out")
    parser.add_argument("--without-simpleitk", action="store_true", help="as if the extra were not installed")
    options = parser.parse_args()
    if options.without_simpleitk:
        verdict.is_similarity_available = lambda: False
    print(f"SimpleITK: {is_similarity_available() and not options.without_simpleitk}")
    if not options.brief:
        patterns(options.captures)
    studies()
    limits()
    if options.real is not None:
        for linear in (False, True):
            values = "sRGB decoded to linear light" if linear else "values as stored"
            print(f"\nvis_nir/aligned, {values}")
            real_shifts(options.real / "vis_nir" / "aligned", linear=linear)
            print(f"\nvis_nir/known_transform, {values}")
            real_similarities(options.real / "vis_nir" / "known_transform", linear=linear)
            print(f"\nvideo2vision_uv_vis, truth about (-10, 3) px, {values}")
            real_uv(options.real / "video2vision_uv_vis", linear=linear)


if __name__ == "__main__":
    main()
