"""One training step and one validation pass, as Lightning calls them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset

from xmodal_pipeline.augmentation import Batch, ViewMaker
from xmodal_pipeline.losses import CombinedLoss
from xmodal_pipeline.losses.combined import identity
from xmodal_pipeline.losses.gather import gather_rows, sum_over_processes
from xmodal_pipeline.models import ModelOutput
from xmodal_pipeline.models.trunk import restrict_trunk
from xmodal_pipeline.specimens.prepared import Prepared
from xmodal_pipeline.training.balance import GradientBalance, RunningMeans
from xmodal_pipeline.training.batches import PreparedBatches
from xmodal_pipeline.training.config import FitConfig
from xmodal_pipeline.training.gradient_cache import BatchStatistics, encode_in_chunks
from xmodal_pipeline.training.optimisation import make_optimiser, parameter_groups, warm_up_and_cosine
from xmodal_pipeline.training.validation import RetrievalScore, retrieval_score

RGB_VIEW_SEED, UV_VIEW_SEED = 1, 2
"""Seeds of the warped views that retrieval compares."""
Views = tuple[Batch, Batch]


class ContrastiveTraining(LightningModule):
    """Two views of each capture, one forward pass over both, the combined loss."""

    def __init__(self, config: FitConfig, *, batches_per_epoch: int) -> None:
        """Build model, loss and views.

        Args:
            config: the run.
            batches_per_epoch: number of batches of one epoch, for the schedules.
        """
        super().__init__()
        self.config = config
        self.model = config.initial_model()
        restrict_trunk(self.model, config.training.trunk)
        processes = config.training.processes
        gather, total = (identity, identity) if processes == 1 else (gather_rows, sum_over_processes)
        self.loss = CombinedLoss(config.loss, self.model.modalities, gather)
        self.views = ViewMaker(
            config.augmentation, config.photometry, config.channel_statistics(), config.image_size
        )
        self.batches_per_epoch = batches_per_epoch
        self.steps_per_epoch = -(-batches_per_epoch // config.training.accumulation)
        self.means = RunningMeans()
        self.balance = GradientBalance(self.model.encoders, processes=processes, total=total)
        self.statistics = BatchStatistics()
        self.validation_score: RetrievalScore | None = None
        self._validated: list[tuple[Tensor, Tensor]] = []
        if config.training.channels_last:
            self.model.to(memory_format=torch.channels_last)
        if config.training.compile:
            # Without the heads: the features must be inputs of something for their gradients to be read.
            self.model.fusion.compile()

    def source(self, prepared: Prepared) -> Dataset[Any]:
        """What batches are read from."""
        return PreparedBatches(prepared)

    @property
    def total_steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.steps_per_epoch * self.config.training.max_epochs

    def schedule(self) -> Callable[[int], float]:
        """Factor of the learning rates at each optimiser step."""
        return warm_up_and_cosine(self.total_steps, self.config.training.warmup_epochs * self.steps_per_epoch)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW, with warm-up and cosine per step."""
        training = self.config.training
        optimiser = make_optimiser(
            parameter_groups(self.model, self.loss, self.model.encoders, training), training
        )
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": LambdaLR(optimiser, self.schedule()), "interval": "step"},
        }

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Views:
        """Make the views on the device, outside mixed precision."""
        batch = batch.as_float()
        if self.trainer.training:
            seed, epoch = self.config.training.seed, self.current_epoch
            views = self.views.training_views(batch, seed=seed, epoch=epoch)
        else:
            views = self.validation_views(batch)
        return views

    def validation_views(self, batch: Batch) -> Views:
        """The two warped views that validation compares."""
        return self.views.warped_view(batch, RGB_VIEW_SEED), self.views.warped_view(batch, UV_VIEW_SEED)

    def on_train_batch_start(self, batch: Views, batch_idx: int) -> None:
        """Key dropout by step and process, so that a resumed run draws what the uninterrupted one would."""
        step = [self.config.training.seed, self.current_epoch, batch_idx, self.global_rank]
        key = np.random.SeedSequence(step)
        torch.manual_seed(int(key.generate_state(1, np.uint64)[0]))

    def training_step(self, views: Views, batch_idx: int) -> Tensor:
        """The loss of a batch, in every process that of the whole batch."""
        output = self.encode_views(views)
        self.balance.watch(output.features, scale=self._loss_scale() * self.config.training.processes)
        first, second = halves(output)
        progress = min(1.0, self.trainer.global_step / self.total_steps)
        loss = self.loss(first, second, progress=progress)
        terms = {f"loss_{name}": term for name, term in loss.terms.items()}
        weights = {f"weight_{name}": torch.tensor(weight) for name, weight in loss.weights.items()}
        self.means.add({"loss": loss.total, **terms, **weights, **self._spread(first.projections)})
        total: Tensor = loss.total
        return total

    def encode_views(self, views: Views) -> ModelOutput:
        """Both views of this process's captures in one pass, or in chunks, the first view's rows first."""
        rgb, uv = (torch.cat(pair) for pair in ((views[0].rgb, views[1].rgb), (views[0].uv, views[1].uv)))
        chunks = min(self.config.training.gradient_cache_chunks, len(rgb))
        if chunks == 1:
            return self._encode(rgb, uv)
        alone = self.model.unimodal_joint
        fused = encode_in_chunks(
            self.model.fusion, self._laid_out(rgb), self._laid_out(uv), alone=alone, chunks=chunks
        )
        return self.model.project(fused)

    def on_before_backward(self, loss: Tensor) -> None:
        """From here on, what runs forward is a repetition."""
        if self.config.training.gradient_checkpointing or self.config.training.gradient_cache_chunks > 1:
            self.statistics.keep(self.model)

    def on_after_backward(self) -> None:
        """Read the features' gradients."""
        self.statistics.restore()
        self.balance.read_features()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Read the encoders' gradients, unscaled and not yet clipped."""
        self.balance.read_encoders()

    def validation_step(self, views: Views, batch_idx: int) -> None:
        """Keep what is compared at the end."""
        self._validated.append(self.project_validation(views))

    def project_validation(self, views: Views) -> tuple[Tensor, Tensor]:
        """Projections of RGB in one warped view and UV in the other; a baseline's of both views."""
        if len(self.model.modalities) == 1:
            name = self.model.modalities[0]
            found = [self._encode(view.rgb, view.uv).projections[name] for view in views]
            return found[0], found[1]
        projections = self._encode(views[0].rgb, views[1].uv).projections
        return projections["rgb"], projections["uv"]

    def on_validation_epoch_end(self) -> None:
        """Score retrieval among the validation specimens."""
        queries, keys = (torch.cat(list(side)) for side in zip(*self._validated, strict=True))
        self._validated = []
        # Batch norms may differ between processes on CPUs; all must judge the epoch alike.
        score: RetrievalScore = self.trainer.strategy.broadcast(retrieval_score(queries, keys))
        self.validation_score = score

    def take_epoch(self) -> dict[str, float]:
        """Numbers of the epoch that ended, for its row of the history."""
        temperatures = {
            f"temperature_{name}": float(value) for name, value in self.loss.temperatures().items()
        }
        return {**self.means.take(), **temperatures, **self.balance.means.take()}

    def _encode(self, rgb: Tensor, uv: Tensor) -> ModelOutput:
        output: ModelOutput = self.model(self._laid_out(rgb), self._laid_out(uv))
        return output

    def _laid_out(self, images: Tensor) -> Tensor:
        last = self.config.training.channels_last
        return images.to(memory_format=torch.channels_last) if last else images

    def _loss_scale(self) -> float:
        scaler: Any = getattr(self.trainer.precision_plugin, "scaler", None)
        return float(scaler.get_scale()) if scaler is not None else 1.0

    @torch.no_grad()
    def _spread(self, projections: dict[str, Tensor]) -> dict[str, Tensor]:
        """Spread of unit projections (1: uniform on the sphere, 0: collapsed), and the gap of their means."""
        unit = {
            name: functional.normalize(self.loss.gather(projections[name]).float(), dim=1)
            for name in self.model.modalities
        }
        # A uniform sphere has variance 1/dim along every axis: 1 in total.
        spread = {f"spread_{name}": z.var(dim=0, correction=0).sum().sqrt() for name, z in unit.items()}
        if len(unit) > 1:
            spread["modality_gap"] = (unit["rgb"].mean(dim=0) - unit["uv"].mean(dim=0)).norm()
        return spread


def halves(output: ModelOutput) -> tuple[ModelOutput, ModelOutput]:
    """Part the output for two views that went through the model as one batch."""
    parts = [{name: tensor.chunk(2) for name, tensor in group.items()} for group in output]
    first, second = (
        ModelOutput(*({name: chunks[view] for name, chunks in group.items()} for group in parts))
        for view in (0, 1)
    )
    return first, second
