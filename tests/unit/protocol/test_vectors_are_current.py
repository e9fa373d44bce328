import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_vectors_are_what_the_reference_gives():
    run = subprocess.run([sys.executable, "scripts/make_vectors.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
