"""Which certificates are trusted when the caller does not say."""

from __future__ import annotations

import ssl
import sys
from contextlib import suppress
from importlib import import_module


def default_context() -> ssl.SSLContext:
    """The system's trust, which honours `SSL_CERT_FILE` and `SSL_CERT_DIR`.

    Where the interpreter knows of no certificates (python.org's macOS builds, bare containers): certifi's, if installed.
    """
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and paths.capath is None and sys.platform != "win32":
        with suppress(ImportError, OSError):  # without, every certificate is refused, and the error says so
            context.load_verify_locations(import_module("certifi").where())
    context.set_alpn_protocols(["http/1.1"])
    return context
