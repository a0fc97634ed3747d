"""What a folder holds and how it would be read, before the first run: looked at, never guessed silently."""

from xmodal_pipeline.specimens.inspection.inspect import (
    Inspection,
    inspect_folder,
    propose,
    propose_for_error,
)
from xmodal_pipeline.specimens.inspection.pixels import draw_sheet
from xmodal_pipeline.specimens.inspection.proposal import Proposal, Setting, write_parameters_text
from xmodal_pipeline.specimens.inspection.text import describe_inspection

__all__ = [
    "Inspection",
    "Proposal",
    "Setting",
    "describe_inspection",
    "draw_sheet",
    "inspect_folder",
    "propose",
    "propose_for_error",
    "write_parameters_text",
]
