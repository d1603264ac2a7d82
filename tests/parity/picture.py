"""Everything a program can see of a value, as flat text: `{"choices[0].message.content": "str 'Hello'"}`.

Two values that a program cannot tell apart have equal pictures; where two differ, the names say where.
"""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

import openai
from openai._base_client import BasePage
from pydantic import BaseModel

Picture = dict[str, str]

# What openai adds to an object beside the fields of its class, and what no class has.
_PROBES: Final = ("_request_id", "no_such_field", "model_extra", "__pydantic_private__")
# A page holds its client, which would be copied, too.
_COPYING: Final = ("copy", "deepcopy", "pickle", "model_copy", "self")
_ADDRESS: Final = re.compile(r"0x[0-9a-f]+|127\.0\.0\.1:\d+|(?<=retry-)[0-9a-f]{8}-[0-9a-f-]{27}")
_RESPONSE: Final = ("status_code", "reason_phrase", "http_version", "url", "encoding", "charset_encoding", "is_closed",
                    "is_stream_consumed", "is_success", "has_redirect_location", "history", "num_bytes_downloaded",
                    "next_request", "content", "text", "links")  # fmt: skip
_RAW: Final = ("status_code", "http_version", "url", "method", "retries_taken", "request_id", "is_closed", "content",
               "text")  # fmt: skip
_ERROR: Final = ("message", "status_code", "code", "param", "type", "request_id", "args")
# Headers that belong to the connection; the order of the others is compared without them.
_FRAMING: Final = frozenset({"host", "connection", "accept-encoding", "content-length", "transfer-encoding"})


def of(value: object) -> Picture:
    """The picture of what a call gave or raised."""
    found: Picture = {}
    if isinstance(value, BaseException):
        _error(found, value)
    else:
        _add(found, "", value)
    if isinstance(value, BaseModel):
        _whole(found, value)
    return found


def clean(text: str) -> str:
    """Text without what differs from run to run: addresses in memory, ports, openai's idempotency keys."""
    return _ADDRESS.sub("0x", text)


def headers(found: Picture, path: str, items: list[tuple[str, str]]) -> None:
    """Names, values and order of headers, each name with a path of its own."""
    names = [name for name, _ in items]
    found[f"{path}.order"] = str([name.lower() for name in names if name.lower() not in _FRAMING])
    for name in dict.fromkeys(names):
        found[f"{path}[{name.lower()}]"] = clean(str([name, *(text for other, text in items if other == name)]))


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _attempt(found: Picture, path: str, function: Callable[[], object], add: Callable[..., None] | None = None) -> None:
    """What a function gives, or what it raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = function()
    except Exception as error:  # noqa: BLE001 - whatever it is, it must be the same
        found[path] = clean(f"raises {_name(type(error))}: {error}")
    else:
        (add or _add)(found, path, value)


def _add(found: Picture, path: str, value: object) -> None:
    if isinstance(value, BaseModel):
        _model(found, path, value)
    elif isinstance(value, Mapping):
        found[f"{path}<keys>"] = f"{_name(type(value))} {list(value)!r}"
        for key, item in value.items():
            _add(found, f"{path}[{key!r}]", item)
    elif isinstance(value, list | tuple):
        found[f"{path}<length>"] = f"{_name(type(value))} {len(value)}"
        for index, item in enumerate(value):
            _add(found, f"{path}[{index}]", item)
    elif hasattr(value, "raise_for_status"):
        _response(found, path, value)
    elif hasattr(value, "http_response"):
        _raw(found, path, value)
    elif isinstance(value, BaseException):
        _error(found, value, path)
    elif callable(value):
        found[path] = _name(type(value))
    else:
        found[path] = clean(f"{_name(type(value))} {value!r}")


def _model(found: Picture, path: str, value: BaseModel) -> None:
    extra = value.__pydantic_extra__
    found[f"{path}<type>"] = _name(type(value))
    found[f"{path}<set>"] = str(sorted(value.model_fields_set))
    found[f"{path}<extra>"] = str(None if extra is None else list(extra))
    # `response.llmswitch` alone is ours; it is checked elsewhere that it is nowhere but here.
    names = [name for name in vars(value) if name != "llmswitch"]
    found[f"{path}<attributes>"] = str(names)
    for name in names:
        _add(found, f"{path}.{name}", vars(value)[name])
    for name, item in (extra or {}).items():
        _add(found, f"{path}.+{name}", item)


def _whole(found: Picture, value: BaseModel) -> None:
    """What an object can be asked to do."""
    ways: dict[str, Callable[[], object]] = {
        "repr": lambda: repr(value),
        "str": lambda: str(value),
        "dump": value.model_dump,
        "dump-unset": lambda: value.model_dump(exclude_unset=True),
        "dump-none": lambda: value.model_dump(exclude_none=True, exclude_defaults=True),
        "json": value.model_dump_json,
        "to_dict": getattr(value, "to_dict", value.model_dump),
        "to_json": getattr(value, "to_json", value.model_dump_json),
        "copy": lambda: copy.copy(value),
        "deepcopy": lambda: copy.deepcopy(value),
        "pickle": lambda: pickle.loads(pickle.dumps(value)),
        "model_copy": lambda: value.model_copy(update={"id": "other"}),
        "hash": lambda: hash(value),
        "iteration": lambda: [name for name, _ in value],
        "self": lambda: (copy.deepcopy(value) == value, value.model_copy() == value),
    }
    for name, way in ways.items():
        if isinstance(value, BasePage) and name in _COPYING:
            continue
        _attempt(found, f"<{name}>", way)
    for name in (*_PROBES, *type(value).model_fields):
        _attempt(found, f"<attribute {name}>", lambda name=name: type(getattr(value, name)).__name__)  # type: ignore[misc]


def _response(found: Picture, path: str, value: Any) -> None:
    """An httpx response, read or not."""
    found[path] = type(value).__name__
    for name in _RESPONSE:
        _attempt(found, f"{path}.{name}", lambda name=name: getattr(value, name))  # type: ignore[misc]
    _attempt(found, f"{path}.json", value.json)
    headers(found, f"{path}.headers", value.headers.multi_items())
    found[f"{path}.cookies"] = str(dict(value.cookies))
    _attempt(found, f"{path}.request", lambda: value.request, _request)
    _attempt(found, f"{path}.elapsed", lambda: type(value.elapsed).__name__)


def _request(found: Picture, path: str, value: Any) -> None:
    found[path] = clean(f"{value.method} {value.url}")
    headers(found, f"{path}.headers", value.headers.multi_items())
    _attempt(found, f"{path}.content", lambda: value.content)


def _raw(found: Picture, path: str, value: Any) -> None:
    """openai's own wrapper of a response."""
    found[path] = _name(type(value))
    for name in _RAW:
        _attempt(found, f"{path}.{name}", lambda name=name: getattr(value, name))  # type: ignore[misc]
    found[f"{path}.repr"] = clean(repr(value))
    headers(found, f"{path}.headers", value.headers.multi_items())
    _response(found, f"{path}.http_response", value.http_response)
    _request(found, f"{path}.http_request", value.http_request)


def _error(found: Picture, error: BaseException, path: str = "") -> None:
    cls = type(error)
    found[f"{path}<class>"] = _name(cls)
    found[f"{path}<classes>"] = str(
        [_name(base) for base in cls.__mro__ if base.__module__.partition(".")[0] == "openai"]
    )
    found[f"{path}<str>"] = clean(str(error))
    found[f"{path}<repr>"] = clean(repr(error))
    for name in _ERROR:
        _attempt(found, f"{path}.{name}", lambda name=name: getattr(error, name))  # type: ignore[misc]
    if isinstance(error, openai.APIError):
        _add(found, f"{path}.body", error.body)
        _attempt(found, f"{path}.request", lambda: error.request, _request)
    if isinstance(error, openai.APIStatusError | openai.APIResponseValidationError):
        _response(found, f"{path}.response", error.response)
    _attempt(found, f"{path}<pickle>", lambda: type(pickle.loads(pickle.dumps(error))).__name__)
    found[f"{path}<context>"] = str(error.__suppress_context__)
    if error.__cause__ is not None:
        found[f"{path}<cause>"] = _name(type(error.__cause__))
