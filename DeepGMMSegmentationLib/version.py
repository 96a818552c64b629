"""The version of the library, the command line and the module."""

__version__ = "1.0.0"
