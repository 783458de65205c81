"""A process that is killed at any moment loses nothing that it saved."""

import os
import re
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")
def test_twenty_deaths(tmp_path):
    line = [sys.executable, "-m", "tests.project.killed", str(tmp_path), "20", "7"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) saves", done.stdout)[1]) > 5, done.stdout
