"""What UV adds to RGB, per species and label."""
