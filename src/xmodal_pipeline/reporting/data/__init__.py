"""What went into a study, before any model."""
