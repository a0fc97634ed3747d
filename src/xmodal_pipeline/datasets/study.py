"""What a study is, as JSON."""

from xmodal_pipeline.datasets.atomic import AtomicJSONDataset
from xmodal_pipeline.imaging.study import Study


class StudyDataset(AtomicJSONDataset):
    """A `Study`, checked when it is loaded; saved whole or not at all."""

    def load(self) -> Study:
        """The study as ingest decided it."""
        return Study.model_validate(super().load())

    def save(self, data: Study) -> None:
        """Write the study, then put it in place."""
        super().save(data.model_dump(mode="json"))
