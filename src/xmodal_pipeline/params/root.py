"""The whole parameter tree, checked before any node runs."""

import re
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import ValidationError, ValidationInfo, field_validator

from xmodal_pipeline.errors import ParametersError, did_you_mean
from xmodal_pipeline.params._model import ParamsModel
from xmodal_pipeline.params.ablation import AblationParams, list_cells
from xmodal_pipeline.params.apply import ApplyParams
from xmodal_pipeline.params.compare import CompareParams
from xmodal_pipeline.params.evaluate import EvaluationParams
from xmodal_pipeline.params.ingest import IngestParams
from xmodal_pipeline.params.presets import fill_from_preset
from xmodal_pipeline.params.report import ReportingParams
from xmodal_pipeline.params.split import SplitParams
from xmodal_pipeline.params.train import TrainingParams, TrainParams

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""What a study may be called: it is the name of a folder."""


class Parameters(IngestParams, TrainParams):
    """Every key that a parameters file or `--params` may hold."""

    study: str = "demo"
    """The study: every output goes to `data/<layer>/<study>/`. Set in globals.yml or with `--params
    study=<name>`."""
    stale: Literal["refuse", "warn"] = "refuse"
    """What happens before a run reads, or keeps, outputs that other settings or other files made: refuse it
    by name, or warn and go on."""
    split: SplitParams = SplitParams()
    """How specimens are divided, and how large their stored images are."""
    evaluation: EvaluationParams = EvaluationParams()
    """The evaluation protocol. The report states which one made its tables."""
    reporting: ReportingParams = ReportingParams()
    """What the report shows."""
    apply: ApplyParams = ApplyParams()
    """An existing model for new captures."""
    compare: CompareParams = CompareParams()
    """Models of other runs, compared on the specimens of this study."""
    ablation: AblationParams = AblationParams()
    """Which overrides are crossed."""

    @field_validator("study", mode="before")
    @classmethod
    def _names_a_folder(cls, study: object) -> object:
        must = "must be letters, digits, '-' and '_', and begin with a letter or digit"
        if not isinstance(study, str):
            raise ValueError(
                f"{must}, got {study!r}, which is how YAML reads what was written; begin it with a letter, "
                "or quote it within quotes: --params \"study='007'\""
            )
        if not STUDY_NAME.fullmatch(study):
            raise ValueError(f"{must}, got '{study}'; choose another name")
        return study

    @field_validator("training")
    @classmethod
    def _one_budget(cls, training: TrainingParams) -> TrainingParams:
        if {"max_epochs", "captures_seen"} <= training.model_fields_set:
            raise ValueError(
                f"max_epochs and captures_seen must not be given both, got {training.max_epochs} and "
                f"{training.captures_seen}; leave one null"
            )
        return training

    @field_validator("ablation")
    @classmethod
    def _every_cell_is_possible(cls, ablation: AblationParams, info: ValidationInfo) -> AblationParams:
        groups = TrainParams.model_fields.keys()
        if groups <= info.data.keys():  # else a fault there is reported already
            list_cells(ablation.grid, TrainParams(**{name: info.data[name] for name in groups}))
        return ablation


def validate_parameters(tree: dict[str, Any]) -> Parameters:
    """Check a whole parameter tree, and give every key that it leaves to the preset its value.

    Raises:
        ParametersError: listing every fault with its key, what is allowed and what was found.
    """
    try:
        return fill_from_preset(Parameters.model_validate(tree))
    except ValidationError as error:
        faults = "\n".join(f"  {_describe(fault)}" for fault in error.errors())
        raise ParametersError(f"parameters: {error.error_count()} fault(s)\n{faults}") from error


def _describe(fault: "ErrorDetails") -> str:
    path = [str(part) for part in fault["loc"]]
    if fault["type"] == "extra_forbidden":
        allowed = sorted(_allowed_keys(path[:-1]))
        hint = did_you_mean(path[-1], allowed)
        if not hint and len(path) == 1:  # such as Kedro writes for a new pipeline
            hint = "; a new group is a model in params/ and a field of Parameters in params/root.py"
        return f"{'.'.join(path)}: unknown key; allowed here: {', '.join(allowed)}{hint}"
    if fault["type"] == "value_error":  # our own validators already say what they got
        return f"{'.'.join(path)}: {fault['msg'].removeprefix('Value error, ')}"
    if fault["type"] == "tuple_type":
        key = ".".join(path)
        return f"{key}: must be a list, got {fault['input']!r}; write [{fault['input']}] for a list of one"
    return f"{'.'.join(path)}: {fault['msg'][0].lower()}{fault['msg'][1:]}, got {fault['input']!r}"


def _allowed_keys(path: list[str]) -> set[str]:
    """The keys that the model at `path` accepts. Union members and dict keys are passed over."""
    models: list[Any] = [Parameters]
    for part in path:
        fields = [model.model_fields[part].annotation for model in models if part in model.model_fields]
        if fields:
            models = [model for field in fields for model in _models_in(field)]
    tag = path[-1] if path else ""
    tagged = [
        m for m in models if tag in get_args(getattr(m.model_fields.get("fusion_type"), "annotation", None))
    ]
    return {key for model in tagged or models for key in model.model_fields}


def _models_in(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, ParamsModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
