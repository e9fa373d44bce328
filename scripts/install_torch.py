"""Installs PyTorch into this Python, without CUDA packages unless they are asked for.

On Linux x86-64 the package index's own build of torch needs some 3 GB of CUDA packages; PyTorch's CPU index has one of about 200 MB.
The choice is made from the metadata of what pip would install, before anything is downloaded.

Usage: python scripts/install_torch.py [--cuda]
"""

import argparse
import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

TORCH = "2.13.0"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def installed() -> bool:
    """Whether this Python has the pinned torch, of whichever build."""
    try:
        return version("torch").split("+")[0] == TORCH
    except PackageNotFoundError:
        return False


def needs_cuda() -> bool:
    """Whether the torch that pip would choose depends on NVIDIA's packages on this platform."""
    found = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--dry-run",
            "--ignore-installed",
            "--no-deps",
            "--quiet",
            "--report",
            "-",
            f"torch=={TORCH}",
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    (torch,) = json.loads(found.stdout)["install"]
    requirements = torch["metadata"].get("requires_dist", [])
    return sys.platform == "linux" and any(name.startswith(("nvidia-", "cuda-")) for name in requirements)


def main() -> int:
    """Installs it and says beforehand about how much is downloaded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuda", action="store_true", help="take the CUDA build where there is one (about 3 GB)")
    wants_cuda = parser.parse_args().cuda
    if installed():
        print(f"torch {version('torch')} is installed")
        return 0
    command = [sys.executable, "-m", "pip", "install", "--quiet", f"torch=={TORCH}"]
    if not needs_cuda():
        print(f"Installing torch {TORCH}: about 200 MB to download", flush=True)
    elif wants_cuda:
        print(f"Installing torch {TORCH} with CUDA: about 3 GB to download", flush=True)
    else:
        print(f"Installing torch {TORCH} for CPU: about 200 MB to download (make CUDA=1 takes the CUDA build, about 3 GB)", flush=True)
        command += ["--index-url", CPU_INDEX]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
