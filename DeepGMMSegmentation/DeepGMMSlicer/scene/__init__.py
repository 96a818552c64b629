"""Nodes of the scene, in and out."""
