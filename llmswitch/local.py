"""A small language model in this process: the provider `local`, and the sandbox's voice.

The engine is `xllamacpp` (llama.cpp as a wheel; `pip install 'llmswitch[local]'`), the model any GGUF file
(`llmswitch.weights.find`). SmolLM2-135M loads in 0.4 s and takes 250 MB; it is there to show and to test, not to be
right.

llama.cpp always opens an HTTP listener. It is bound to the loopback address, on a port the system chooses, with a
random key, and it is what the provider `local` is reached by: `endpoint_url` starts it when a call first chooses it,
and from there it is an endpoint like any.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import os
import queue
import secrets
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Final, Protocol, Self, cast

from llmswitch import weights
from llmswitch.errors import ConfigError, InvalidRequestError
from llmswitch.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from llmswitch._json import Json, JsonValue
    from llmswitch.sandbox import Prompt

__all__ = ["LocalModel", "Voice", "endpoint_url"]

_CONTEXT: Final = 4096  # tokens, shared by the calls in flight: 94 MB of memory with SmolLM2
_PARALLEL: Final = 2
_ANSWER: Final = 512  # tokens, where the call sets no limit: small models do not always find an end
_SENTENCE: Final = 96  # tokens, likewise, in the sandbox


class _Engine(Protocol):
    """The part of `xllamacpp.Server` that is used. A callback that returns True ends the stream."""

    listening_address: str

    def handle_metrics(self) -> object: ...

    def handle_chat_completions(self, params: Json, callback: Callable[[Json], bool] | None = None) -> Json | None: ...


class LocalModel:
    """One loaded model. Takes OpenAI's chat parameters and gives its dicts; calls may come from several threads.

    `name` is what its answers call it; `base_url` and `key` reach the same model over HTTP on this machine.

    Raises:
        ConfigError: the engine is not installed, there is no model, or it does not load.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, context: int = _CONTEXT) -> None:
        self.path: Path = weights.find(path)
        self.name = weights.SMOLLM2.name if self.path.name == weights.SMOLLM2.file else self.path.stem.lower()
        self.key = Secret(secrets.token_urlsafe(32))
        self._engine: _Engine | None = _load(self.path, self.name, self.key, context)
        self._closed = threading.Event()
        self._workers: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self.base_url = f"{self._engine.listening_address}/v1"
        _models.add(self)
        if _inherited:
            _keep(self._engine)

    def chat(self, params: Json) -> Json:
        """One chat completion.

        Raises:
            InvalidRequestError: the engine refuses the parameters; its own words.
        """
        engine = self._running()
        try:
            answer = engine.handle_chat_completions(_without_stream(params))
        except ValueError as error:
            raise InvalidRequestError(f"local model: {error}") from error
        return _checked(answer or {})

    def stream(self, params: Json) -> Iterator[Json]:
        """The same as chunks. Closing the iterator stops the model within a token.

        Raises:
            InvalidRequestError: as `chat`, at the first iteration.
        """
        chunks: queue.SimpleQueue[Json | Exception | None] = queue.SimpleQueue()
        stopped = threading.Event()
        engine = self._running()

        def receive(chunk: Json) -> bool:
            chunks.put(chunk)
            return stopped.is_set() or self._closed.is_set()

        def work() -> None:
            try:
                engine.handle_chat_completions({**params, "stream": True}, receive)
            except Exception as error:  # noqa: BLE001 - raised in the thread that reads
                chunks.put(error)
            finally:
                chunks.put(None)

        worker = threading.Thread(target=work, name="llmswitch-local", daemon=True)
        self._workers.add(worker)
        worker.start()
        try:
            while (item := chunks.get()) is not None:
                if isinstance(item, Exception):
                    raise InvalidRequestError(f"local model: {item}") from item
                yield _checked(item)
        finally:
            stopped.set()

    def close(self) -> None:
        """End its streams, free the model and its listener; again is nothing."""
        self._closed.set()
        for worker in list(self._workers):
            worker.join(timeout=5)  # they end within a token; a thread still inside the engine would crash at exit
        self._engine = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> _Engine:
        if self._engine is None:
            raise ConfigError("this LocalModel was closed; make another")
        return self._engine


class Voice:
    """Lets the model write the sandbox's answers (its `Generator`); what the model cannot take, the sandbox answers itself.

    Raises:
        ConfigError: as `LocalModel`.
    """

    blocking = True

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._model = LocalModel(path)

    def text(self, prompt: Prompt) -> Iterator[str]:
        """Yield the answer, a token at a time."""
        from llmswitch.sandbox import Deterministic  # noqa: PLC0415 - a provider `local` needs no sandbox
        from llmswitch.sandbox.fields import spoken  # noqa: PLC0415

        roles = {"assistant": "assistant", "system": "system", "developer": "system"}
        messages: list[JsonValue] = [
            {"role": roles.get(str(message.get("role")), "user"), "content": spoken(message)}
            for message in prompt.messages
        ]
        params: Json = {"messages": messages, "max_tokens": prompt.limit or _SENTENCE, "stop": list(prompt.stop)}
        if prompt.temperature is not None:
            params["temperature"] = prompt.temperature
        try:
            for chunk in self._model.stream(params):
                if piece := _content(chunk):
                    yield piece
        except InvalidRequestError:
            yield from Deterministic().text(prompt)

    def close(self) -> None:
        """Free the model."""
        self._model.close()


def endpoint_url(path: str | os.PathLike[str] | None = None) -> tuple[str, str]:
    """`(base_url, key)` of the listener that serves `path` (default: as `weights.find`).

    The first call of a process loads the model, which takes its time (0.4 s for SmolLM2) and blocks: from a coroutine,
    call it in a thread. A forked child loads its own. It stops when the interpreter exits.

    Raises:
        ConfigError: as `LocalModel`.
    """
    found = weights.find(path).resolve()
    with _lock:
        model = _running.get(found)
        if model is None:
            model = _running[found] = LocalModel(found)
        return model.base_url, model.key.reveal()


def _load(path: Path, name: str, key: Secret, context: int) -> _Engine:
    try:
        xllamacpp = importlib.import_module("xllamacpp")  # an extra, of 100 MB
    except ImportError as error:
        raise ConfigError(f"the local model needs its engine: pip install 'llmswitch[local]' ({error})") from error
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {name}  # else answers and the listing name the file's path
    params.n_ctx, params.n_parallel, params.kv_unified = context, _PARALLEL, True
    params.n_predict = _ANSWER
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.api_keys = [key.reveal()]
    params.cors_origins = ""  # no web page is to reach it
    params.ui = params.endpoint_slots = False
    threads = max(1, (os.cpu_count() or 1) // 2)  # threads that wait for a busy core make the others wait
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.cache_ram_mib = 0
    params.sse_ping_interval = 1  # seconds; also how long closing waits for a stream that nobody reads
    params.endpoint_metrics = True
    params.verbosity = 0  # it would write prompts to stderr
    try:
        engine = cast("_Engine", xllamacpp.Server(params))
        # Answered by the engine's own loop: one that is freed before its loop has begun waits for its end for ever.
        engine.handle_metrics()
    except RuntimeError as error:
        raise ConfigError(
            f"{path} does not load as a model: it is damaged, unknown to this llama.cpp, or too big for the memory"
        ) from error
    return engine


def _content(chunk: Json) -> str:
    """The text that a chunk adds."""
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    delta = choice.get("delta") if isinstance(choice, dict) else None
    content = delta.get("content") if isinstance(delta, dict) else None
    return content if isinstance(content, str) else ""


def _without_stream(params: Json) -> Json:
    return {name: value for name, value in params.items() if name not in {"stream", "stream_options"}}


def _checked(answer: Json) -> Json:
    """The engine gives its errors as dicts."""
    error: JsonValue = answer.get("error")
    if isinstance(error, dict):
        raise InvalidRequestError(f"local model: {error.get('message')}")
    return answer


_lock = threading.Lock()
_running: dict[Path, LocalModel] = {}
_models: weakref.WeakSet[LocalModel] = weakref.WeakSet()
_inherited = False  # this process was forked from one that had loaded a model


def _close_all() -> None:
    for model in list(_models):
        model.close()


def _after_fork() -> None:
    """A child has none of the engine's threads, for which destructors wait for ever: in it they never run."""
    global _lock, _inherited  # noqa: PLW0603 - state of the process
    _lock = threading.Lock()
    for model in list(_models):
        _keep(model._engine)  # noqa: SLF001
        model._engine = None  # noqa: SLF001
    _running.clear()
    if not _inherited and "xllamacpp" in sys.modules:
        _inherited = True
        library = ctypes.CDLL(None)
        if hasattr(library, "on_exit"):  # glibc; called with the exit status, before llama.cpp's static destructors
            library.on_exit(library._exit, None)  # noqa: SLF001 - a C function's name


def _keep(engine: _Engine | None) -> None:
    """Never free it."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
