"""A screen for each process that shares out the window tests: windows on one screen would take the keyboard away."""

import atexit
import os
import subprocess

SIZE = "1366x768x24"


def own_screen() -> None:
    """Start a virtual screen for this process, where it is one of several; pytest-xdist names those."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    told, tells = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(tells), "-screen", "0", SIZE, "-nolisten", "tcp"],
        pass_fds=(tells,),
        stderr=subprocess.DEVNULL,
    )
    os.close(tells)
    with os.fdopen(told) as answer:
        number = answer.readline().strip()
    if not number:
        raise RuntimeError("Xvfb did not start; install the packages that scripts/system-packages names")
    os.environ["DISPLAY"] = f":{number}"
    atexit.register(server.terminate)
