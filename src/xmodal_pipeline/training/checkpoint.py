"""A trained variant: weights, and everything needed to use them on other captures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from xmodal_pipeline.models import CrossModalModel
from xmodal_pipeline.saving import replace_file
from xmodal_pipeline.training.config import FitConfig

_CONFIG_KEY = "fit_config"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights of a model and the configuration that made them."""

    tensors: dict[str, Tensor]
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
        return cls(copies, config)

    def model(self) -> CrossModalModel:
        """The model with these weights, in evaluation mode, on the CPU."""
        model = self.config.initial_model()
        model.load_state_dict(self.tensors)
        return model.eval()

    def unlearnt(self, *, pretrained: bool = False) -> Self:
        """The same model before any training here: its weights as drawn from the seed, or as pretrained."""
        training = self.config.training.model_copy(update={"pretrained": pretrained})
        config = self.config.model_copy(update={"training": training})
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
