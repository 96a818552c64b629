"""How the pages are built: ``sphinx-build -W -c docs . build/docs``, from the repository's root.

The root is the source, so that README, CONTRIBUTING and CHANGELOG are pages where they lie, and a
link that works in a browser of the repository works in the pages too.
"""

import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
shutil.rmtree(HERE / "api", ignore_errors=True)  # which may have pages of modules that are gone
sys.path.insert(0, str(HERE.parent))

from DeepGMMSegmentationLib import __version__  # noqa: E402

project = "DeepGMMSegmentation"
author = "The DeepGMMSegmentation contributors"
release = version = __version__
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**", "DeepGMMSegmentationLib/README.md"]

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.apidoc"]
myst_enable_extensions = ["html_image"]
myst_heading_anchors = 3

# The reference: a page for every module of the library, from its docstrings.
apidoc_modules = [
    {
        "path": "../DeepGMMSegmentationLib",
        "destination": "docs/api",
        "separate_modules": True,
        "module_first": True,
        "exclude_patterns": ["**/__main__.py"],
    }
]
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signature shows them already
numpydoc_show_class_members = False
