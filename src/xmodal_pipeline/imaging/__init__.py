"""What a capture is, and how it is read, masked, scaled, calibrated, registered and judged."""

from xmodal_pipeline.imaging.capture import Capture, CaptureFiles
from xmodal_pipeline.imaging.reading import read_capture

__all__ = ["Capture", "CaptureFiles", "read_capture"]
