"""Several processes and cached gradients against one process with the whole batch.

Prints the largest norm-wise relative error over the loss and the gradient of every parameter, learnt
temperatures included, for every fusion variant with all terms of the loss on and a tiny ViT. Exits with 1 if
one exceeds 1e-9 in float64 or 2e-5 in float32.

    python benchmarks/exactness.py [--short]
"""

import argparse
import itertools
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from xmodal_pipeline.augmentation import Batch
from xmodal_pipeline.losses.combined import identity
from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.params.train import AugmentationParams, LossParams, TrainingParams
from xmodal_pipeline.params.variants import FUSIONS
from xmodal_pipeline.training import BandStatistics, FitConfig
from xmodal_pipeline.training.module import ContrastiveTraining, Views, halves

TOLERANCES = {torch.float64: 1e-9, torch.float32: 2e-5}
CAPTURES, SIDE, DROPOUT = 24, 32, 0.2
MODELS = [
    (f"{name}{suffix}", joint_mode)
    for name in FUSIONS
    for suffix in ("", "_shared")
    for joint_mode in ("simclr", "comm")
]
LABELS = {
    (2, 1, False): "2 processes",
    (3, 1, False): "3 processes",
    (1, 2, False): "2 chunks",
    (1, 4, False): "4 chunks",
    (1, 8, False): "8 chunks",
    (1, 2, True): "2, dropout",
    (1, 4, True): "4, dropout",
    (1, 8, True): "8, dropout",
    (2, 4, True): "2 processes × 4, dropout",
}
Case = tuple[int, int, bool]
"""Processes, chunks, dropout."""


class Step(nn.Module):
    """The loss of a training step, for wrapping."""

    def __init__(self, training: ContrastiveTraining) -> None:
        super().__init__()
        self.training_module = training

    def forward(self, views: Views) -> Tensor:
        """Of this process's part of the views."""
        first, second = halves(self.training_module.encode_views(views))
        total: Tensor = self.training_module.loss(first, second, progress=0.5).total
        return total


def build(variant: str, joint_mode: str, case: Case, dtype: torch.dtype) -> Step:
    processes, chunks, drops = case
    params = Parameters().variants[variant]
    if not drops and hasattr(params, "modality_dropout"):
        params = params.model_copy(update={"modality_dropout": 0.0})
    config = FitConfig(
        name=variant,
        variant=params,
        training=TrainingParams(
            backbone="test_vit",
            projection_dim=16,
            hidden_dim=32,
            batch_size=CAPTURES,
            devices=processes,
            gradient_cache_chunks=chunks,
        ),
        loss=LossParams(adaptive_temperature=True, joint_mode=joint_mode, cross_views="all"),
        augmentation=AugmentationParams(),
        photometry="uncalibrated",
        rgb_bands=("red", "green", "blue"),
        uv_bands=("long", "short"),
        image_size=SIDE,
        statistics={n: BandStatistics(mean=(0.0,) * b, sd=(1.0,) * b) for n, b in (("rgb", 3), ("uv", 2))},
    )
    torch.manual_seed(0)
    training = ContrastiveTraining(config, batches_per_epoch=1).to(dtype)
    for module in training.modules():
        if isinstance(module, nn.Dropout):
            module.p = DROPOUT if drops else 0.0
    return Step(training)


def images(rows: slice, dtype: torch.dtype) -> Views:
    """Some captures of a batch whose modalities and views have something in common."""
    generator = torch.Generator().manual_seed(1)
    pattern = torch.randn(CAPTURES, 1, SIDE, SIDE, generator=generator)

    def view() -> Batch:
        rgb, uv = (pattern + torch.randn(CAPTURES, b, SIDE, SIDE, generator=generator) for b in (3, 2))
        return Batch(rgb[rows].to(dtype), uv[rows].to(dtype), torch.empty(0), torch.empty(0))

    return view(), view()


def gradients(step: nn.Module, views: Views, seed: int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    loss = step(views)
    loss.backward()
    found = {name.removeprefix("module."): p.grad for name, p in step.named_parameters()}
    return {"loss": loss.detach(), **{name: g for name, g in found.items() if g is not None}}


def reference(variant: str, joint_mode: str, case: Case, dtype: torch.dtype) -> dict[str, Tensor]:
    """One process, the whole batch, everything kept; with dropout, encoded in the same parts and draws."""
    processes, _, drops = case
    step = build(variant, joint_mode, case if drops else (1, 1, False), dtype)
    step.training_module.loss.gather = identity
    if not drops:
        return gradients(step, images(slice(None), dtype), seed=0)
    parts = list(_parts(processes))
    whole = images(slice(None), dtype)
    outputs = []
    kept = mock.patch("xmodal_pipeline.training.gradient_cache.checkpoint", _keep_everything)
    for process, rows in enumerate(parts):
        torch.manual_seed(process)
        own = tuple(Batch(v.rgb[rows], v.uv[rows], v.mask, v.rows) for v in whole)
        with kept:
            outputs.append([halves(step.training_module.encode_views(own))])
    joined = [
        type(outputs[0][0][view])(
            *(
                {name: torch.cat([o[0][view][field][name] for o in outputs]) for name in group}
                for field, group in enumerate(outputs[0][0][view])
            )
        )
        for view in (0, 1)
    ]
    loss = step.training_module.loss(*joined, progress=0.5).total
    loss.backward()
    return {"loss": loss.detach(), **{n: p.grad for n, p in step.named_parameters() if p.grad is not None}}


def _keep_everything(function: nn.Module, *args: Tensor, use_reentrant: bool, alone: bool) -> object:
    return function(*args, alone=alone)


def _parts(processes: int) -> Iterator[slice]:
    size = CAPTURES // processes
    return (slice(p * size, (p + 1) * size) for p in range(processes))


def worst_error(found: dict[str, Tensor], expected: dict[str, Tensor]) -> tuple[float, str]:
    if found.keys() != expected.keys():
        return float("inf"), str(found.keys() ^ expected.keys())
    errors = {n: float((found[n] - e).norm() / e.norm()) for n, e in expected.items()}
    worst = max(errors, key=errors.__getitem__)
    return errors[worst], worst


def run_process(rank: int, processes: int, folder: Path, models: list[tuple[str, str]]) -> None:
    """Measure all cases of one number of processes; the first one leaves the errors in a file."""
    if processes > 1:
        distributed.init_process_group(
            "gloo", init_method=f"file://{folder / str(processes)}", rank=rank, world_size=processes
        )
    lines = []
    for case in (case for case in LABELS if case[0] == processes):
        for (variant, joint_mode), dtype in itertools.product(models, TOLERANCES):
            step: nn.Module = build(variant, joint_mode, case, dtype)
            if processes > 1:
                step = DistributedDataParallel(step)
            found = gradients(step, images(list(_parts(processes))[rank], dtype), seed=rank)
            if rank == 0:
                error, worst = worst_error(found, reference(variant, joint_mode, case, dtype))
                lines.append(f"{LABELS[case]}\t{variant}\t{joint_mode}\t{dtype}\t{error}\t{worst}")
    if processes > 1:
        distributed.destroy_process_group()
    if rank == 0:
        (folder / f"{processes}.tsv").write_text("\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--short", action="store_true", help="one variant, one mode")
    options = parser.parse_args()
    models = [("attention", "comm")] if options.short else MODELS
    torch.set_num_threads(1)
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for processes in (1, 2, 3):
            running = [
                fork.Process(target=run_process, args=(rank, processes, folder, models))
                for rank in range(processes)
            ]
            for process in running:
                process.start()
            for process in running:
                process.join()
            if any(process.exitcode for process in running):
                sys.exit(1)
        rows = [
            line.split("\t") for n in (1, 2, 3) for line in (folder / f"{n}.tsv").read_text().splitlines()
        ]
    sys.exit(0 if report(rows, models) else 1)


def report(rows: list[list[str]], models: list[tuple[str, str]]) -> bool:
    passed = True
    for dtype, tolerance in TOLERANCES.items():
        print(f"\n{dtype}, at most {tolerance:g}\n\n| | {' | '.join(LABELS.values())} |")
        print("|---" * (len(LABELS) + 1) + "|")
        for model in models:
            errors = {row[0]: float(row[4]) for row in rows if row[1:4] == [*model, str(dtype)]}
            print(f"| {', '.join(model)} | {' | '.join(f'{errors[n]:.0e}' for n in LABELS.values())} |")
        over = [row for row in rows if row[3] == str(dtype) and not float(row[4]) <= tolerance]
        for row in over:
            print("FAIL", *row)
        passed &= not over
    return passed


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main()
