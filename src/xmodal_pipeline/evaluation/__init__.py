"""Numbers that can be defended: retrieval, alignment, classification, and what UV adds; NumPy in."""

# Imported at once, not on demand: each function carries its module's name, which a later import of the
# module would otherwise put in its place.
from xmodal_pipeline.evaluation.alignment import alignment
from xmodal_pipeline.evaluation.classification import classification
from xmodal_pipeline.evaluation.retrieval import retrieval
from xmodal_pipeline.evaluation.uv_value import uv_value

__all__ = ["alignment", "classification", "retrieval", "uv_value"]
