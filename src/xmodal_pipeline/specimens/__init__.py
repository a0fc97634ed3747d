"""The table of a study: captures found, labelled, judged, divided, and prepared for training."""
