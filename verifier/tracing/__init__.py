"""Traces of the main path for OpenTelemetry: how long each step of a batch took, and never what a request held."""
