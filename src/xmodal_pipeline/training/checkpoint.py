"""A trained variant: weights, and everything needed to use them on other captures."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from xmodal_pipeline.errors import RunStoppedError
from xmodal_pipeline.models import CrossModalModel
from xmodal_pipeline.models.linear_branch import LinearBranch
from xmodal_pipeline.models.weights import fingerprint
from xmodal_pipeline.saving import replace_file
from xmodal_pipeline.training.config import FitConfig

_CONFIG_KEY = "fit_config"
_LINEAR = "linear."
"""Begins the names of the linear branch's tensors."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights of a model and the configuration that made them."""

    tensors: dict[str, Tensor] = field(repr=False)
    config: FitConfig

    @classmethod
    def of_weights(cls, weights: Mapping[str, Tensor], config: FitConfig) -> Self:
        """Take copies on the CPU, so that later training leaves them alone.

        Args:
            weights: `state_dict` of a model, on any device.
            config: what the model was built from.
        """
        copies = {
            name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
            for name, tensor in weights.items()
        }
        return cls(copies, config.without_paths())

    def model(self) -> CrossModalModel:
        """The model with these weights, in evaluation mode, on the CPU."""
        with torch.random.fork_rng():
            model = self.config.blank_model()
        own = {name.removeprefix(_LINEAR): t for name, t in self.tensors.items() if name.startswith(_LINEAR)}
        if own:
            model.linear = LinearBranch.of_tensors(own)
        model.load_state_dict(self.tensors)
        return model.eval()

    @property
    def linear_share(self) -> float:
        """What the similarity of two projections takes from the linear branch; 0 without one."""
        share = self.tensors.get(f"{_LINEAR}share")
        return 0.0 if share is None else float(share)

    def with_linear(self, branch: LinearBranch) -> Self:
        """The same variant with this branch beside its projections."""
        return replace(
            self, tensors=self.tensors | {_LINEAR + name: t for name, t in branch.state_dict().items()}
        )

    def unlearnt(self, *, pretrained: bool = False, weights: Path | None = None) -> Self:
        """The same model before any training here: its weights as drawn from the seed, or as pretrained.

        Args:
            pretrained: timm's own weights.
            weights: the file that the run started from.

        Raises:
            RunStoppedError: if the content of the file is another than the run started from.
        """
        config = self.config.starting_from(pretrained=pretrained, weights=weights)
        if weights is not None and fingerprint(weights) != config.weights_sha256:
            raise RunStoppedError(
                f"training.weights: must be the file that '{config.name}' started from, got other content "
                f"in '{weights.name}'; run 'kedro run --pipelines train' with it, or name the file of before"
            )
        with torch.random.fork_rng():
            torch.manual_seed(config.training.seed)
            return type(self).of_weights(config.initial_model().state_dict(), config)

    def to_file(self, path: Path) -> None:
        """Write one safetensors file, whole or not at all.

        Args:
            path: the file; its folder is made if missing.

        Raises:
            SaveError: if the disk fails.
        """
        content = save(self.tensors, metadata={_CONFIG_KEY: self.config.model_dump_json()})
        with replace_file(path) as partial:
            partial.write_bytes(content)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read what `to_file` wrote.

        Raises:
            ValueError: if the file is damaged or was not written by this package.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        except SafetensorError as error:
            raise ValueError(
                f"checkpoint '{path}': file must be a whole safetensors file ({error}); train again"
            ) from error
        if _CONFIG_KEY not in metadata:
            raise ValueError(
                f"checkpoint '{path}': metadata must hold '{_CONFIG_KEY}', got {sorted(metadata)}; "
                "use a checkpoint of this pipeline"
            )
        return cls(tensors, FitConfig.model_validate_json(metadata[_CONFIG_KEY]))
