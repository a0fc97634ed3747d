"""What a number depends on besides the data: versions, and a hash of the captures."""

import hashlib
import platform
from importlib import metadata
from typing import Final

import pandas as pd

_PACKAGES: Final = (
    *("xmodal-pipeline", "kedro", "torch", "lightning", "timm", "kornia", "numpy", "scipy", "pandas"),
    *("scikit-learn", "umap-learn", "matplotlib", "plotly"),
)


def package_versions() -> dict[str, str]:
    """Installed versions of Python and of the packages that touch a number; absent ones are left out."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def hash_captures(specimen_index: pd.DataFrame) -> str:
    """SHA-256 over the sorted hashes of the captures' files: equal for equal data in any order of files."""
    if "sha256" not in specimen_index:
        return ""
    return hashlib.sha256("\n".join(sorted(specimen_index["sha256"].astype(str))).encode()).hexdigest()
