"""End the command line by SIGKILL at its n-th change of a folder's names.

python Testing/Faults/killer.py N segment LGE.nii.gz --roi lv.nii.gz --out out
"""

from __future__ import annotations

import os
import signal
import sys

# What Python tells its audit hooks when names change; renameat2 is called by ctypes.
CHANGES = ("os.rename", "os.remove", "shutil.rmtree", "ctypes.dlsym")


def kill_at(when: int) -> None:
    """Let this process be killed just before its n-th change."""
    changes = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal changes
        told = event in CHANGES and ".deepgmm-" in str(arguments)
        if told or (event == "ctypes.dlsym" and "renameat2" in str(arguments)):
            changes += 1
            if changes == when:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


if __name__ == "__main__":
    from DeepGMMSegmentationLib.cli.main import main

    kill_at(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
