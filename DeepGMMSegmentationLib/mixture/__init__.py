"""The mathematics of the mixtures; knows no files."""
