"""A process that is killed at any moment loses nothing that it saved."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import pytest


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")
def test_twenty_deaths(tmp_path):
    # A file system in memory serves as well: what a process has written outlives it, be it on a disk or not.
    place = tempfile.mkdtemp(dir="/dev/shm") if os.access("/dev/shm", os.W_OK) else str(tmp_path)
    line = [sys.executable, "-m", "tests.project.killed", place, "20", "7"]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    finally:
        shutil.rmtree(place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) saves", done.stdout)[1]) > 5, done.stdout
