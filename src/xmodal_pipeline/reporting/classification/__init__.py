"""What probes read from each modality."""
