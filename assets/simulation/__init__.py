"""A simulated IT organisation with known truth: source files as real systems would write them."""

from assets.simulation.settings import SimulationSettings, small_settings
from assets.simulation.simulate import simulate
from assets.simulation.truth import Truth, load_truth

__all__ = ["SimulationSettings", "Truth", "load_truth", "simulate", "small_settings"]
