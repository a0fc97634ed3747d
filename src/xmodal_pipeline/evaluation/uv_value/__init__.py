"""What UV adds to RGB about a class, per species."""

from xmodal_pipeline.evaluation.uv_value.table import uv_value_table
from xmodal_pipeline.evaluation.uv_value.value import uv_value

__all__ = ["uv_value", "uv_value_table"]
