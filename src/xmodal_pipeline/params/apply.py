"""Parameters of `apply`: the checkpoint that new captures go through."""

from pathlib import Path

from xmodal_pipeline.errors import ParametersError
from xmodal_pipeline.params._model import ParamsModel


class ApplyParams(ParamsModel):
    """An existing model for new captures."""

    checkpoint: Path | None = None
    """A `checkpoint.safetensors` of this pipeline; it brings image size, crop and channel statistics."""

    def existing_file(self) -> Path:
        """The checkpoint's file.

        Raises:
            ParametersError: if none is named, or there is no such file.
        """
        if self.checkpoint is None or not self.checkpoint.is_file():
            found = "null" if self.checkpoint is None else f"'{self.checkpoint}'"
            raise ParametersError(
                f"apply.checkpoint: must be an existing checkpoint.safetensors, got {found}; give its path "
                "with --params apply.checkpoint=…"
            )
        return self.checkpoint
