"""Reads experiment files, strictly: YAML -> Experiment, and the cases it stands for."""

from __future__ import annotations

from pageswap.agent.journal.job import Level
from pageswap.spec.asks import derived_asks, with_asks
from pageswap.spec.cases import build_cases
from pageswap.spec.experiment import Experiment, Stopping
from pageswap.spec.factors import FACTORS, Factor, Trend, default_levels, trend_of
from pageswap.spec.loader import load, loads
from pageswap.spec.overrides import override
from pageswap.spec.source import resolve_spec_path
from pageswap.spec.vocabulary import KnownMethod, Vocabulary, core_vocabulary

__all__ = [
    "FACTORS",
    "Experiment",
    "Factor",
    "KnownMethod",
    "Level",
    "Stopping",
    "Trend",
    "Vocabulary",
    "build_cases",
    "core_vocabulary",
    "default_levels",
    "derived_asks",
    "load",
    "loads",
    "override",
    "resolve_spec_path",
    "trend_of",
    "with_asks",
]
