"""Whether the modalities order specimens alike, and maps to look at."""
