"""Simulated specimens: a study of invented animals whose every effect is known."""

from xmodal_pipeline.simulation.writing import (
    empty_simulated_truth,
    simulate_study,
    simulated_truth_columns,
)

__all__ = ["empty_simulated_truth", "simulate_study", "simulated_truth_columns"]
