"""Whether one modality finds the other."""
