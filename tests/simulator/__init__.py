"""Simulators of what lies outside the core: a log on a disk that can fail, clocks that do as they are told."""
