"""Drawn hearts."""
