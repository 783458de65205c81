"""napari, after what it is to find: a screen for this process, and settings that are no person's."""

import os
import subprocess
import tempfile

SIZE = "1366x768x24"


def own_screen() -> subprocess.Popen[bytes] | None:
    """Start a virtual screen for this process, where it is one of several; pytest-xdist names those.

    Windows on one screen would take the keyboard from each other. The screen goes when this process does, however that
    ends: a shell waits for the end of a pipe.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return None
    told, tells = os.pipe()
    line = f"Xvfb -displayfd {tells} -screen 0 {SIZE} -nolisten tcp 2>/dev/null & read -r _; kill $!"
    server = subprocess.Popen(["sh", "-c", line], stdin=subprocess.PIPE, pass_fds=(tells,))
    os.close(tells)
    with os.fdopen(told) as answer:
        number = answer.readline().strip()
    if not number:
        raise RuntimeError("Xvfb did not start; install the packages that scripts/system-packages names")
    os.environ["DISPLAY"] = f":{number}"
    return server


def own_settings() -> None:
    """Keep napari's settings out of the person's file, and out of any: each window would write them six times."""
    os.environ["NAPARI_CONFIG"] = os.path.join(tempfile.mkdtemp(), "settings.yaml")  # for processes that are started
    from napari.settings import get_settings

    get_settings(None)


SCREEN = own_screen()
own_settings()
import napari.viewer  # noqa: E402, F401
