"""The errors that a user of the library may meet."""

from __future__ import annotations


class DeepGMMError(Exception):
    """Base of every error that the library raises on purpose; its text is one plain sentence."""


class InvalidInput(DeepGMMError, ValueError):
    """An image, a region, a file or a setting cannot be used; the text names it and the remedy."""


class OutOfMemory(DeepGMMError, MemoryError):
    """The device has too little memory for this run; the text says what to change."""


class Cancelled(DeepGMMError):
    """The user cancelled the run from a progress callback; nothing was written or changed."""
