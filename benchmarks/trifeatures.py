"""Does unique information survive? Which latents of two modalities a loss keeps: shared, unique, synergistic.

    OMP_NUM_THREADS=1 python benchmarks/trifeatures.py --jobs 2

After the Trifeatures of Dufumier et al., What to align in multimodal contrastive learning?, ICLR 2025, with
vectors in place of rendered shapes: each modality is a fixed random nonlinear mixture of three latents of ten
values. One is `shared` by both; one is `unique` to each; and the `synergy` is a relation of RGB's third to
UV's third, which holds for every pair in training (as in the paper) and for half of the probed pairs. Neither
modality tells by itself whether it holds. Chance is 10, 10 and 50 %.

Losses, temperature, fusion, heads, optimiser and schedule are the project's own; encoders are small MLPs.
Probes are linear, on features (h) and on projections (z): an encoder this shallow hides in h what a loss
throws away.
"""

import argparse
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from xmodal_pipeline.losses import CombinedLoss
from xmodal_pipeline.models import CrossModalModel, ModelOutput
from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.models.fusion import build_fusion
from xmodal_pipeline.params.train import LossParams, TrainingParams, TrainParams
from xmodal_pipeline.training.module import halves
from xmodal_pipeline.training.optimisation import make_optimiser, parameter_groups, warm_up_and_cosine

VALUES = 10
OBSERVED = 128
"""Numbers observed per modality."""
HIDDEN = 256
WIDTH_OF = "vit_tiny_patch16_224"
"""Features are as long as this backbone's: 192. At 64 the joint has room for the parts, hardly for their
relation (CoMM: synergy 73 % after 800 steps, against 80 % after 600)."""
NOISE, DROPPED = 0.3, 0.3
"""A view adds normal noise of this SD and sets this share of its numbers to 0."""
PROBED = 4000
"""Pairs that a probe is fitted to, and as many that it is judged on."""


class Pairs(NamedTuple):
    """Observations (pairs, 128, 1, 1) of both modalities, and the latents behind them."""

    rgb: Tensor
    uv: Tensor
    latents: dict[str, Tensor]


class World:
    """How latents become observations; fixed by the seed."""

    def __init__(self, seed: int) -> None:
        """Draw the mixtures and the relation."""
        self._generator = torch.Generator().manual_seed(seed)
        self.relation = torch.randperm(VALUES, generator=self._generator)
        self._mixtures = [
            (self._normal(3 * VALUES, HIDDEN), self._normal(HIDDEN, OBSERVED) / HIDDEN**0.5) for _ in range(2)
        ]

    def draw(self, count: int, *, related: float) -> Pairs:
        """Draw pairs, of which a share is related (all else by chance: one in ten of the rest)."""
        shared, rgb, uv, third, free = (
            torch.randint(VALUES, (count,), generator=self._generator) for _ in range(5)
        )
        is_related = torch.rand(count, generator=self._generator) < related
        partner = self.relation[third]
        other = (partner + 1 + free % (VALUES - 1)) % VALUES
        fourth = torch.where(is_related, partner, other)
        latents = {"shared": shared, "unique_rgb": rgb, "unique_uv": uv, "synergy": is_related.long()}
        sides = (shared, rgb, third), (shared, uv, fourth)
        return Pairs(*(self._mix(side, i) for i, side in enumerate(sides)), latents)

    def view(self, observed: Tensor) -> Tensor:
        """Disturb observations anew; the latents stay."""
        kept = torch.rand(observed.shape, generator=self._generator) >= DROPPED
        return (observed + NOISE * torch.randn(observed.shape, generator=self._generator)) * kept

    def _mix(self, latents: tuple[Tensor, ...], modality: int) -> Tensor:
        first, second = self._mixtures[modality]
        one_hot = torch.cat([nn.functional.one_hot(x, VALUES).float() for x in latents], dim=1)
        mixed = torch.tanh(torch.tanh(one_hot @ first) @ second)
        return mixed[:, :, None, None]

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._generator)


class VectorEncoder(nn.Sequential):
    """Stands where a backbone stands: vectors, as images of one pixel, to features or to four tokens."""

    def __init__(self, bands: int, dim: int, output: str) -> None:
        """Two hidden layers."""
        width = dim if output == "features" else 4 * dim
        layers = [nn.Flatten(), nn.Linear(bands, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU()]
        super().__init__(*layers, nn.Linear(HIDDEN, width))
        self.dim, self.tokens = dim, output == "tokens"

    def forward(self, images: Tensor) -> Tensor:
        """Encode (batch, bands, 1, 1)."""
        encoded: Tensor = super().forward(images)
        return encoded.view(len(images), 4, self.dim) if self.tokens else encoded


@dataclass(frozen=True)
class Configuration:
    """One row of the table."""

    name: str
    variant: str
    loss: LossParams
    is_trained: bool = True


CONFIGURATIONS = (
    Configuration("untrained, concat", "concat", LossParams(), is_trained=False),
    Configuration(
        "cross only", "separate", LossParams(cross_modal_weight=1, intra_modal_weight=0, joint_weight=0)
    ),
    Configuration(
        "cross + intra", "separate", LossParams(cross_modal_weight=1, intra_modal_weight=1, joint_weight=0)
    ),
    Configuration(
        "CoMM",
        "concat",
        LossParams(cross_modal_weight=0, intra_modal_weight=0, joint_weight=1, joint_mode="comm"),
    ),
    Configuration("default, separate", "separate", LossParams()),
    Configuration("default, concat", "concat", LossParams()),
    Configuration("default with comm, concat", "concat", LossParams(joint_mode="comm")),
    Configuration("default, attention", "attention", LossParams()),
    Configuration("default with comm, attention", "attention", LossParams(joint_mode="comm")),
)


def build(configuration: Configuration, training: TrainingParams) -> CrossModalModel:
    """The project's model of a variant, vector encoders in place of its backbones."""
    variant = TrainParams().variants[configuration.variant]
    spec = BackboneSpec(training.backbone, False, 32, False, rgb_bands=OBSERVED, uv_bands=OBSERVED)
    fusion = build_fusion(variant, spec)
    for name, encoder in fusion.pair.encoder.items():
        fusion.pair.encoder[name] = VectorEncoder(OBSERVED, encoder.dim, encoder.output)
    return CrossModalModel(
        fusion,
        joint_is_learnt=variant.joint_is_learnt,
        hidden_dim=training.hidden_dim,
        projection_dim=training.projection_dim,
        unimodal_joint=configuration.loss.joint_mode == "comm",
    )


def train(
    configuration: Configuration, world: World, *, seed: int, steps: int, batch: int
) -> CrossModalModel:
    """Minimise the combined loss over fresh pairs, two views of each."""
    torch.manual_seed(seed)
    training = TrainingParams(backbone=WIDTH_OF)
    model = build(configuration, training)
    loss = CombinedLoss(configuration.loss, model.modalities)
    optimiser = make_optimiser(parameter_groups(model, loss, model.encoders, training), training)
    schedule = LambdaLR(optimiser, warm_up_and_cosine(steps, steps / 20))
    for step in range(steps):
        pairs = world.draw(batch, related=1.0)
        rgb, uv = (torch.cat([world.view(side), world.view(side)]) for side in (pairs.rgb, pairs.uv))
        optimiser.zero_grad()
        loss(*halves(model(rgb, uv)), progress=step / steps).total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip or float("inf"))
        optimiser.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def probe(model: CrossModalModel, world: World) -> dict[str, float]:
    """Balanced accuracy, in %, of linear probes for each latent."""
    pairs = [world.draw(PROBED, related=0.5) for _ in range(2)]
    outputs = [model(p.rgb, p.uv) for p in pairs]
    found = {}
    for space, vectors in (("h", lambda o: o.features), ("z", projections)):
        sides = [vectors(output) for output in outputs]
        both = [torch.cat([side["rgb"], side["uv"]], dim=1) for side in sides]
        joint = [side["joint"] for side in sides]
        own = {m: [side[m] for side in sides] for m in ("rgb", "uv")}
        found |= {
            f"shared {space}": np.mean([accuracy(own[m], pairs, "shared") for m in own]),
            f"unique {space}": np.mean([accuracy(own[m], pairs, f"unique_{m}") for m in own]),
            f"unique {space} joint": np.mean([accuracy(joint, pairs, f"unique_{m}") for m in own]),
            f"synergy {space} rgb, uv": accuracy(both, pairs, "synergy"),
            f"synergy {space} joint": accuracy(joint, pairs, "synergy"),
        }
    return {name: float(value) for name, value in found.items()}


def projections(output: ModelOutput) -> dict[str, Tensor]:
    """What the loss compared: of each modality alone through the fusion where that is compared."""
    return output.projections | output.unimodal_joint


def accuracy(vectors: list[Tensor], pairs: list[Pairs], latent: str) -> float:
    x_fit, x_test = (v.double().numpy() for v in vectors)
    y_fit, y_test = (p.latents[latent].numpy() for p in pairs)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, tol=1e-3))
    return 100 * balanced_accuracy_score(y_test, model.fit(x_fit, y_fit).predict(x_test))


def measure(configuration: Configuration, *, seed: int, steps: int, batch: int) -> dict[str, float]:
    """Train and probe one configuration."""
    torch.set_num_threads(1)
    world = World(seed)
    steps = steps if configuration.is_trained else 0
    return probe(train(configuration, world, seed=seed, steps=steps, batch=batch), world)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--jobs", type=int, default=1)
    names = [c.name for c in CONFIGURATIONS]
    parser.add_argument("--only", nargs="+", choices=names, default=names[:7])
    options = parser.parse_args()
    cells = [(c, seed) for c in CONFIGURATIONS if c.name in options.only for seed in range(options.seeds)]
    found = Parallel(n_jobs=options.jobs)(
        delayed(measure)(c, seed=seed, steps=options.steps, batch=options.batch) for c, seed in cells
    )
    table = pd.DataFrame(found, index=[c.name for c, _ in cells])
    groups = table.groupby(level=0, sort=False)
    print(f"% balanced accuracy, mean (SD) of {options.seeds} seeds; chance 10, 10, 50")
    shown = groups.mean().map("{:.1f}".format) + groups.std().map(" ({:.1f})".format)
    print(shown.T.to_string())


if __name__ == "__main__":
    main()
