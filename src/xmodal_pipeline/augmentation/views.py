"""Views of a batch: random for training, plain for evaluation, warped for retrieval."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from xmodal_pipeline.augmentation.batch import Batch
from xmodal_pipeline.augmentation.draws import RETRIEVAL_VIEW, Draws, draw
from xmodal_pipeline.augmentation.geometry import warp_capture, warp_matrices
from xmodal_pipeline.augmentation.photometry import jitter_reflectance, jitter_rgb, jitter_uv
from xmodal_pipeline.params.train import AugmentationParams, GeometryParams

PhotometryPreset = Literal["reflectance", "uncalibrated"]
ChannelStatistics = Mapping[str, Mapping[str, Sequence[float]]]

_NOISE_WINDOWS = 2**20
_NOISE_SEED = 20240229


class ViewMaker:
    """Makes the views of a batch, on the batch's device.

    Order: warp, photometry on unit values inside the mask, standardisation, background exactly 0.
    """

    def __init__(
        self,
        params: AugmentationParams,
        photometry: PhotometryPreset,
        statistics: ChannelStatistics,
        image_size: int,
    ) -> None:
        """Prepare the constants.

        Args:
            params: ranges of all draws.
            photometry: `reflectance` for calibrated captures, else `uncalibrated`.
            statistics: `{"rgb": {"mean": […], "sd": […]}, "uv": {…}}` of the training foreground, unit scale.
            image_size: side of the images, in pixels.

        Raises:
            ValueError: if a standard deviation is not positive.
        """
        self.params = params
        self.photometry = photometry
        self._statistics = {name: _as_tensors(name, statistics[name]) for name in ("rgb", "uv")}
        # Noise is a window at a random place of one table: sampling per capture would dominate the step.
        generator = torch.Generator().manual_seed(_NOISE_SEED)
        self._noise = torch.randn(_NOISE_WINDOWS + 3 * image_size**2, generator=generator)

    def training_views(self, batch: Batch, *, seed: int, epoch: int) -> tuple[Batch, Batch]:
        """Make two random views of each capture, standardised, background 0.

        Args:
            batch: captures in unit scale.
            seed: seed of the run, >= 0.
            epoch: epoch, >= 0; together with the capture's row it decides every draw.
        """
        batch = batch.as_float()
        return self._random_view(batch, seed, epoch, 1), self._random_view(batch, seed, epoch, 2)

    def evaluation_view(self, batch: Batch) -> Batch:
        """Standardise, without any random change."""
        return self._standardise(batch.as_float())

    def warped_view(self, batch: Batch, seed: int) -> Batch:
        """Make one randomly warped, standardised view of each capture, without photometry.

        With different seeds for the two modalities, neither crop nor outline tells which belong together.

        Args:
            batch: captures in unit scale.
            seed: one independent draw per capture and seed, >= 0.
        """
        return self._standardise(warp_batch(batch.as_float(), self.params.geometry, seed=seed))

    def _random_view(self, batch: Batch, seed: int, epoch: int, view: int) -> Batch:
        draws = draw(batch.rows, seed=seed, epoch=epoch, view=view)
        return self._standardise(self._jittered(self._warped(batch, draws), draws))

    def _warped(self, batch: Batch, draws: Draws) -> Batch:
        rgb, uv, mask, rows = batch
        return Batch(*warp_capture(rgb, uv, mask, warp_matrices(self.params.geometry, draws.geometry)), rows)

    def _jittered(self, batch: Batch, draws: Draws) -> Batch:
        rgb, uv, mask, rows = batch
        for_rgb, for_uv = mask[:, :1], mask[:, 1:]
        uv_noise = self._noise_windows(uv, draws.uv[:, 7], bands=1)
        if self.photometry == "reflectance":
            preset = self.params.reflectance
            rgb_noise = self._noise_windows(rgb, draws.rgb[:, 7], bands=rgb.shape[1])
            rgb = jitter_reflectance(rgb, for_rgb, preset, draws.rgb, rgb_noise, shared=False)
            uv = jitter_reflectance(uv, for_uv, preset, draws.uv, uv_noise, shared=True)
        else:
            rgb = jitter_rgb(rgb, for_rgb, self.params.rgb, draws.rgb)
            uv = jitter_uv(uv, for_uv, self.params.uv, draws.uv, uv_noise)
        return Batch(rgb, uv, mask, rows)

    def _noise_windows(self, image: Tensor, uniforms: Tensor, *, bands: int) -> Tensor:
        self._noise = self._noise.to(image.device)
        size = bands * image.shape[-2] * image.shape[-1]
        starts = (uniforms * _NOISE_WINDOWS).long().to(image.device)
        windows = self._noise.unfold(0, size, 1)[starts]
        return windows.reshape(len(image), bands, *image.shape[-2:])

    def _standardise(self, batch: Batch) -> Batch:
        images = []
        for name, image, inside in (
            ("rgb", batch.rgb, batch.mask[:, :1]),
            ("uv", batch.uv, batch.mask[:, 1:]),
        ):
            mean, sd = (values.to(image.device) for values in self._statistics[name])
            images.append(((image - mean) / sd).mul_(inside))
        return batch._replace(rgb=images[0], uv=images[1])


def warp_batch(batch: Batch, geometry: GeometryParams, *, seed: int) -> Batch:
    """One randomly warped view of each capture, neither jittered nor standardised.

    Args:
        batch: captures in unit scale, float32.
        geometry: ranges of the draws.
        seed: one independent draw per capture and seed, >= 0.

    Returns:
        The same captures in unit scale, background 0.
    """
    draws = draw(batch.rows, seed=seed, epoch=0, view=RETRIEVAL_VIEW)
    matrices = warp_matrices(geometry, draws.geometry)
    return Batch(*warp_capture(batch.rgb, batch.uv, batch.mask, matrices), batch.rows)


def _as_tensors(modality: str, statistics: Mapping[str, Sequence[float]]) -> tuple[Tensor, Tensor]:
    mean, sd = (
        torch.tensor(list(statistics[name]), dtype=torch.float32)[:, None, None] for name in ("mean", "sd")
    )
    if not bool((sd > 0).all()):
        raise ValueError(
            f"ViewMaker: sd of every {modality} band must be > 0, got {list(statistics['sd'])}; "
            "a constant band teaches nothing: see quality_report"
        )
    return mean, sd
