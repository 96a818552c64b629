"""Images read in a process of their own, which a broken one may end, or hang, or fill."""

import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SCRIPT = """\
import resource, sys
from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.io.images import read_images
def taken(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = taken()
for path in sys.argv[2:]:
    try: read_images([path]); print('read', path, flush=True)
    except InvalidInput as error: print(error, flush=True)
    assert taken() - before < float(sys.argv[1]), path
"""


def read_in_child(paths: Sequence[Path], most: float = math.inf) -> list[str]:
    """Return what is said of each path, none of which ends the process or takes `most` kB."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(most), *paths],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(paths), f"ended at {paths[len(lines)]}: {done.stderr}"
    assert done.returncode == 0, done.stderr
    return lines
