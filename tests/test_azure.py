"""`AzureOpenAI` and `AsyncAzureOpenAI`: beside openai's own, on the wire and in results; and what failover makes of them."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

import llmswitch
from llmswitch import AsyncAzureOpenAI, AzureOpenAI, classify
from llmswitch._httpx import httpx
from tests.servers import Server, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmswitch.sandbox import Sandbox
    from tests.servers import Exchange, Received

VERSION = "2024-10-21"
MESSAGES: list[Any] = [{"role": "user", "content": "say hello"}]
CALL: dict[str, Any] = {"model": "my-gpt4o", "messages": MESSAGES}
KEY = "azure-key-that-nobody-else-may-see"
TOKEN = "azure-token-that-nobody-else-may-see"


async def resolved(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def listed(stream: Any) -> list[Any]:
    return [item async for item in stream] if hasattr(stream, "__aiter__") else list(stream)


class Kind:
    """One of the two clients, openai's or ours, driven alike."""

    def __init__(self, theirs: Any, ours: Any, *, asynchronous: bool) -> None:
        self.theirs, self.ours, self.asynchronous = theirs, ours, asynchronous

    def run(self, cls: Any, arguments: dict[str, Any], use: Callable[[Any], Any]) -> Any:
        """What `use` gives for a client, or the error it raises."""

        async def go() -> Any:
            client = cls(**arguments)
            try:
                return await resolved(use(client))
            except Exception as error:  # noqa: BLE001 - compared
                return error
            finally:
                await resolved(client.close())

        return asyncio.run(go())

    def both(self, arguments: dict[str, Any], use: Callable[[Any], Any]) -> tuple[Any, Any]:
        return self.run(self.theirs, arguments, use), self.run(self.ours, arguments, use)


SYNC = Kind(openai.AzureOpenAI, AzureOpenAI, asynchronous=False)
ASYNC = Kind(openai.AsyncAzureOpenAI, AsyncAzureOpenAI, asynchronous=True)


@pytest.fixture(params=[SYNC, ASYNC], ids=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


# --- on the wire ---

CHAT = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-11-20",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
}  # fmt: skip
VECTOR = {"object": "list", "model": "e", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}
LIST = {"object": "list", "data": []}


async def upstream(exchange: Exchange) -> None:
    """Any path of Azure's, with an answer of the right shape."""
    request = exchange.request
    path = request.path.partition("?")[0]
    value: Any = LIST
    if path.endswith("/chat/completions"):
        value = CHAT
    elif path.endswith("/embeddings"):
        value = VECTOR
    if b'"stream":true' in request.body:
        chunk = {**CHAT, "choices": [{"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}]}
        body = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
        await answer(200, body, "Content-Type: text/event-stream")(exchange)
    else:
        await answer(200, json.dumps(value).encode(), "Content-Type: application/json")(exchange)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(upstream) as running:
        yield running


def forms(url: str, kind: Kind) -> dict[str, dict[str, Any]]:
    """Every way to construct a client."""

    async def later() -> str:
        return TOKEN

    mine: dict[str, Any] = {"azure_endpoint": url, "api_version": VERSION, "api_key": KEY}
    token = {name: mine[name] for name in ("azure_endpoint", "api_version")}
    based = {name: mine[name] for name in ("api_version", "api_key")}
    return {
        "endpoint": mine,
        "endpoint with a slash": {**mine, "azure_endpoint": url + "/"},
        "endpoint with a path": {**mine, "azure_endpoint": url + "/gateway/x"},
        "deployment": {**mine, "azure_deployment": "deployed"},
        "base_url": {**based, "base_url": url + "/openai"},
        "base_url of a gateway": {**based, "base_url": url + "/some/where/"},
        "base_url of a deployment": {**based, "base_url": url + "/openai/deployments/deployed"},
        "token": {**token, "azure_ad_token": TOKEN},
        "token provider": {**token, "azure_ad_token_provider": lambda: TOKEN},
        "awaitable token provider": {
            **token,
            "azure_ad_token_provider": later if kind.asynchronous else lambda: TOKEN,
        },
        "more": {
            **mine,
            "organization": "org",
            "project": "project",
            "default_headers": {"X-Mine": "1"},
            "default_query": {"mine": "1"},
            "timeout": 7,
        },
    }


FORMS = tuple(forms("", SYNC))
USES: dict[str, Callable[[Any], Any]] = {
    "chat": lambda client: client.chat.completions.create(**CALL),
    "chat of a public name": lambda client: client.chat.completions.create(**{**CALL, "model": "gpt-4o"}),
    "chat of a name to be quoted": lambda client: client.chat.completions.create(**{**CALL, "model": "a b%c é"}),
    "chat with extras": lambda client: client.chat.completions.create(
        **CALL, extra_headers={"X-A": "1"}, extra_query={"q": "1"}, extra_body={"data_sources": []}, timeout=3
    ),
    "stream": lambda client: streamed(client),  # noqa: PLW0108 - it stands below
    "embeddings": lambda client: client.embeddings.create(model="my-embeddings", input="hi"),
    "models": lambda client: client.models.list(),
    "images": lambda client: client.images.generate(model="my-dalle", prompt="a cat"),
    "completions": lambda client: client.completions.create(model="my-davinci", prompt="a cat"),
    "responses": lambda client: client.responses.create(model="my-gpt4o", input="hi"),
    "files": lambda client: client.files.list(),
    "a path": lambda client: client.post("/deployments/x/extensions", cast_to=object, body={"model": "m"}),
}


async def streamed(client: Any) -> list[Any]:
    return await listed(await resolved(client.chat.completions.create(**CALL, stream=True)))


def plain(value: Any) -> Any:
    """A value without the client that a page holds."""
    return value.model_dump() if hasattr(value, "model_dump") else value


def shown(request: Received) -> tuple[str, str, dict[str, str], bytes]:
    """A request without what belongs to the connection."""
    own = {name: value for name, value in request.headers.items() if name not in ("connection", "accept-encoding")}
    return request.method, request.path, own, request.body


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("form", FORMS)
def test_requests_and_answers_are_openais(kind: Kind, form: str, use: str, server: Server) -> None:
    theirs, ours = kind.both(forms(server.url, kind)[form], USES[use])

    assert not isinstance(ours, Exception), ours
    assert type(ours) is type(theirs)
    assert plain(ours) == plain(theirs)
    first, second = server.requests
    assert shown(second) == shown(first)


@pytest.mark.parametrize("secret", ["AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"])
def test_everything_from_the_environment(
    kind: Kind, secret: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {secret: KEY, "AZURE_OPENAI_ENDPOINT": server.url, "OPENAI_API_VERSION": VERSION}.items():
        monkeypatch.setenv(name, value)
    theirs, ours = kind.both({}, USES["chat"])
    assert ours == theirs
    first, second = server.requests
    assert shown(second) == shown(first)
    assert second.headers["api-key" if secret.endswith("KEY") else "authorization"].endswith(KEY)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"azure_endpoint": "https://mine.openai.azure.com", "api_version": VERSION},
        {"azure_endpoint": "https://mine.openai.azure.com", "api_key": KEY},
        {"api_version": VERSION, "api_key": KEY},
        {
            "azure_endpoint": "https://a.example",
            "base_url": "https://b.example",
            "api_version": VERSION,
            "api_key": KEY,
        },
        {"no_such_argument": 1},
    ],
)
def test_what_is_missing_is_said_by_openai(kind: Kind, arguments: dict[str, Any]) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011 - compared
        kind.theirs(**arguments)
    with pytest.raises(type(theirs.value)) as ours:
        kind.ours(**arguments)
    assert type(ours.value) is type(theirs.value)
    assert str(ours.value) == str(theirs.value)


def test_a_clients_attributes_are_openais(kind: Kind) -> None:
    for form, arguments in forms("https://mine.openai.azure.com", kind).items():
        theirs, ours = kind.theirs(**arguments), kind.ours(**arguments)
        for name in (
            "base_url", "api_key", "organization", "project", "timeout", "max_retries", "_api_version", "_azure_ad_token",
            "_azure_deployment", "_azure_endpoint", "_custom_query", "_custom_headers",
        ):  # fmt: skip
            assert getattr(ours, name) == getattr(theirs, name), (form, name)
        assert isinstance(ours, kind.theirs)


# --- copies ---


@pytest.mark.parametrize("method", ["copy", "with_options"])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"api_version": "2025-01-01"},
        {"api_key": "another"},
        {"azure_ad_token": TOKEN},
        {"azure_ad_token_provider": lambda: TOKEN},
        {"default_headers": {"X-Mine": "1"}, "timeout": 3, "max_retries": 0},
        {"set_default_query": {"mine": "1"}},
    ],
)
def test_copies_are_openais(kind: Kind, method: str, change: dict[str, Any], server: Server) -> None:
    arguments = forms(server.url, kind)["endpoint"]
    for use in ("chat", "files"):
        theirs, ours = kind.both(arguments, lambda client: USES[use](getattr(client, method)(**change)))  # noqa: B023
        assert plain(ours) == plain(theirs) or str(ours) == str(theirs)
        if not isinstance(theirs, Exception):
            first, second = server.requests[-2:]
            assert shown(second) == shown(first)


def test_a_copy_may_route_another_way(resource: Sandbox) -> None:
    client = azure(resource, models={"my-gpt4o": "gpt-4o"})
    alone = client.with_options(failover=False)
    assert isinstance(alone, AzureOpenAI)
    resource.fault("azure", "permission")
    assert client.chat.completions.create(**CALL).llmswitch.provider == "qwen"
    with pytest.raises(openai.AuthenticationError):
        alone.chat.completions.create(**CALL)
    assert alone.copy(max_retries=0)._beneath.engine is alone._beneath.engine


def test_a_base_url_set_later_is_followed(server: Server) -> None:
    with AzureOpenAI(azure_endpoint="https://mine.openai.azure.com", api_version=VERSION, api_key=KEY) as client:
        client.base_url = server.url + "/openai/"
        for one in (client, client.copy(timeout=3)):
            answered: Any = one.chat.completions.create(**CALL)
            assert answered.llmswitch.provider == "azure"
    assert [request.path for request in server.requests] == [
        f"/openai/deployments/my-gpt4o/chat/completions?api-version={VERSION}"
    ] * 2


# --- in the sandbox: results and errors ---


@pytest.fixture
def resource(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Azure first, then Qwen; nobody else."""
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "azure,qwen@cn")
    monkeypatch.delenv("LLMSWITCH_AZURE_BASE_URL")
    monkeypatch.delenv("LLMSWITCH_AZURE_API_KEY")
    return sandbox


def at(sandbox: Sandbox) -> dict[str, Any]:
    return {"azure_endpoint": sandbox.native_url("azure"), "api_key": sandbox.key("azure"), "api_version": VERSION}


def azure(sandbox: Sandbox, **more: Any) -> Any:
    return AzureOpenAI(**{**at(sandbox), "failover": True, **more})


def alike(theirs: Any, ours: Any) -> None:
    """The same but for what is made up anew for each answer."""

    assert type(ours) is type(theirs)
    for made_up in ("id", "created"):
        if hasattr(theirs, made_up):
            setattr(ours, made_up, getattr(theirs, made_up))
    assert ours == theirs


def test_answers_chunks_and_vectors(kind: Kind, resource: Sandbox) -> None:
    alike(*kind.both(at(resource), USES["chat"]))
    alike(*kind.both(at(resource), USES["embeddings"]))
    theirs, ours = kind.both(at(resource), USES["stream"])
    assert len(theirs) == len(ours) > 3
    for one, other in zip(theirs, ours, strict=True):
        alike(one, other)
    assert ours[0].choices == []
    assert ours[0].prompt_filter_results[0]["prompt_index"] == 0
    assert ours[-1].llmswitch.provider == "azure"
    assert ours[-1].llmswitch.site == "global"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("auth", "auth"),
        ("permission", "permission"),
        ("rate_limit", "rate_limited"),
        ("overload", "overloaded"),
        ("server_error", "server_error"),
        ("model_not_found", "model_not_found"),
        ("refusal", "content_filter"),
        ("context_length", "context_length"),
        ("bad_request", "bad_request"),
    ],
)
def test_errors_are_openais_own_and_understood(
    kind: Kind, fault: str, failure: str, streamed: bool, resource: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "azure")
    resource.fault("azure", fault, **({"form": "http"} if fault == "refusal" else {}))
    theirs, ours = kind.both({**at(resource), "max_retries": 0}, USES["stream" if streamed else "chat"])
    assert isinstance(theirs, openai.APIStatusError)
    assert type(ours) is type(theirs)
    for name in ("message", "status_code", "code", "param", "type", "body"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.failure.kind == failure  # type: ignore[attr-defined]
    assert resource.key("azure") not in str(vars(ours))


def test_a_refusal_stays_with_the_caller(resource: Sandbox) -> None:
    resource.fault("azure", "refusal", form="http")
    with azure(resource, models={"my-gpt4o": "gpt-4o"}) as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**CALL)
    assert caught.value.code == "content_filter"
    assert caught.value.body["innererror"]["code"] == "ResponsibleAIPolicyViolation"  # type: ignore[index]
    assert resource.hits("qwen") == 0


@pytest.mark.parametrize(
    ("status", "code", "message", "expected", "hint"),
    [
        (401, "401", "Access denied due to invalid subscription key or wrong API endpoint.", "auth", "one resource"),
        (401, "PermissionDenied", "Principal does not have access to API/Operation.", "permission", "role"),
        (404, "DeploymentNotFound", "The API deployment for this resource does not exist.", "model_not_found", "models"),
        (404, "404", "Resource not found", "model_not_found", "api_version"),
        (400, "OperationNotSupported", "The chatCompletion operation does not work with the specified model, x.",
         "model_not_found", "operation"),
        (400, "BadRequest", "API version not supported", "bad_request", "api_version"),
        (403, "403", "Access denied due to Virtual Network/Firewall rules.", "permission", "firewall"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(status: int, code: str, message: str, expected: str, hint: str) -> None:
    failure = classify(provider="azure", status=status, body={"error": {"code": code, "message": message}})
    assert failure.kind == expected
    assert failure.hint is not None
    assert hint in failure.hint


def test_a_wait_in_seconds_is_read() -> None:
    message = (
        "... have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 33 seconds."
    )
    failure = classify(provider="azure", status=429, body={"error": {"code": "429", "message": message}})
    assert (failure.kind, failure.retry_after) == ("rate_limited", 33)


# --- failover ---


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("use", ["chat of a public name", "stream of a public name"])
def test_nothing_of_azures_reaches_another_provider(
    kind: Kind, form: str, use: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSWITCH_QWEN_CN_BASE_URL", server.url + "/compatible-mode/v1")
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-qwen")
    call = {**CALL, "model": "gpt-4o", "extra_headers": {"X-A": "1"}, "extra_query": {"q": "1"}}
    call["extra_body"] = {"data_sources": [{"type": "azure_search"}]}
    with Server(answer(503, b'{"error":{"code":"ServiceUnavailable","message":"try later"}}')) as broken:
        arguments = {**forms(broken.url, kind)[form], "failover": True, "region": "CN"}

        async def ask(client: Any) -> Any:
            if use.startswith("stream"):
                return await listed(await resolved(client.chat.completions.create(**call, stream=True)))
            return await resolved(client.chat.completions.create(**call))

        got = kind.run(kind.ours, arguments, ask)
    last = got[-1] if isinstance(got, list) else got
    assert not isinstance(got, Exception), got
    assert last.llmswitch.provider == "qwen"
    assert [attempt.provider for attempt in last.llmswitch.attempts] == ["azure", "qwen"]
    (request,) = server.requests
    assert request.path == "/compatible-mode/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer sk-qwen"
    assert set(request.headers) <= {
        "host", "accept", "accept-encoding", "connection", "authorization", "content-type", "content-length", "user-agent",
    }  # fmt: skip
    sent = json.loads(request.body)
    assert sent["model"].startswith("qwen")
    assert set(sent) <= {"model", "messages", "stream", "enable_thinking"}  # the last is Qwen's own
    everything = f"{request.path} {request.headers} {request.body!r}"
    for secret in (KEY, TOKEN, VERSION, "deployed", "org", "project", "Mine"):
        assert secret not in everything


def test_a_deployments_name_says_nothing_about_its_model(resource: Sandbox) -> None:
    resource.fault("azure", "server_error")
    with azure(resource, max_retries=0) as client, pytest.raises(openai.InternalServerError):
        client.chat.completions.create(**CALL)
    assert resource.hits("qwen") == 0
    with azure(resource, models={"my-gpt4o": "gpt-4o"}) as client:
        assert client.chat.completions.create(**CALL).llmswitch.model == "qwen3.7-plus"
    with azure(resource, models={"my-gpt4o": {"qwen": "qwen-flash"}}) as client:
        assert client.chat.completions.create(**CALL).llmswitch.model == "qwen-flash"
    assert {request.path for request in resource.requests("azure")} == {"/openai/deployments/my-gpt4o/chat/completions"}


def test_a_public_name_may_stand_for_a_deployment(resource: Sandbox) -> None:
    with azure(resource, models={"gpt-4o": {"azure": "my-gpt4o"}}) as client:
        answered = client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        assert answered.llmswitch.provider == "azure"
        resource.fault("azure", "model_not_found")
        assert client.chat.completions.create(model="gpt-4o", messages=MESSAGES).llmswitch.provider == "qwen"
    request = resource.requests("azure")[0]
    assert request.path == "/openai/deployments/my-gpt4o/chat/completions"
    assert request.model == "my-gpt4o"


def test_embeddings_stay_in_their_space(resource: Sandbox) -> None:
    resource.fault("azure", "server_error")
    with azure(resource, max_retries=0) as client, pytest.raises(openai.InternalServerError):
        client.embeddings.create(model="text-embedding-3-small", input="hi")
    assert resource.hits("qwen") == 0


def test_a_private_endpoint_is_not_left_unasked(resource: Sandbox) -> None:
    resource.fault("azure", "server_error")
    with AzureOpenAI(**at(resource), max_retries=0) as client, pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert resource.hits("qwen") == 0


def test_where_azure_may_not_be_called_others_are(resource: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "qwen@cn")
    with azure(resource) as client:
        assert client.chat.completions.create(model="gpt-4o", messages=MESSAGES).llmswitch.provider == "qwen"
        with pytest.raises(llmswitch.NoProviderError, match=r"azure@global, which takes no part: not among"):
            client.files.list()
        with pytest.raises(llmswitch.NoProviderError, match="my-gpt4o"):
            client.chat.completions.create(**CALL)
    assert resource.hits("azure") == 0
    assert "api-key" not in [name.lower() for name in resource.requests("qwen")[-1].headers]


def test_region_lists_never_keep_azure_out(resource: Sandbox) -> None:
    for region in ("CN", "HK", "RU", "IR", "US"):
        with azure(resource, region=region, user_region=region) as client:
            assert client.chat.completions.create(**CALL).llmswitch.provider == "azure"


@pytest.mark.parametrize("way", ["azure", "openai"])
def test_a_new_token_is_not_held_responsible_for_the_old_one(
    way: str, resource: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", f"{way},qwen@cn")
    tokens = ["expired", resource.key(way), resource.key(way)]
    if way == "azure":
        mine = {**at(resource), "api_key": None, "azure_ad_token_provider": lambda: tokens.pop(0), "failover": True}
        client: Any = AzureOpenAI(**mine)
    elif "Callable" in str(inspect.signature(openai.OpenAI).parameters["api_key"]):
        client = llmswitch.OpenAI(api_key=lambda: tokens.pop(0))
    else:
        pytest.skip("functions that give a key came after openai 1.99")
    asked = [client.chat.completions.create(model="gpt-4o", messages=MESSAGES).llmswitch.provider for _ in range(3)]
    assert asked == ["qwen", way, way]


def test_ours_and_openais_credentials_live_side_by_side(
    resource: Sandbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "azure,openai")
    resource.fault("azure", "overload")
    with azure(resource) as client:
        answered = client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        assert answered.llmswitch.provider == "openai"  # with OPENAI_API_KEY
    assert sandbox.hits("openai") == 1


# --- the plain client, at Azure ---


def test_what_moves_the_plain_client_moves_no_client_of_azures(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "LLMSWITCH_AZURE_BASE_URL" in sandbox.environment
    monkeypatch.setenv("LLMSWITCH_AZURE_BASE_URL", "http://127.0.0.1:9/openai/v1")
    with azure(sandbox) as client:
        assert client.chat.completions.create(**CALL).llmswitch.provider == "azure"


def test_a_host_of_azures_is_azure() -> None:
    url = "https://mine.openai.azure.com/openai/v1/"
    with llmswitch.OpenAI(base_url=url, api_key=KEY) as client:
        assert client._beneath.engine.first.name == "azure@global"


def test_a_key_of_azures_alone_is_no_way_for_a_plain_client(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(openai.OpenAIError) as caught:
        llmswitch.OpenAI()
    assert "OPENAI_API_KEY" in str(caught.value)
    assert "AZURE" not in str(caught.value)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    with pytest.raises(openai.OpenAIError, match=r"azure@global: no base_url: set LLMSWITCH_AZURE_GLOBAL_BASE_URL"):
        llmswitch.OpenAI()


def test_azure_may_be_the_next_provider_of_a_plain_client(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSWITCH_PROVIDERS", "openai,azure")
    sandbox.fault("openai", "region_block")
    with llmswitch.OpenAI(models={"gpt-4o": {"azure": "my-gpt4o"}}) as client:
        answered: Any = client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        assert answered.llmswitch.provider == "azure"
    request = sandbox.requests("azure")[-1]
    assert (request.path, request.model) == ("/openai/v1/chat/completions", "my-gpt4o")
    (row,) = [row for row in llmswitch.explain("gpt-4o").rows if row.provider == "azure"]
    assert not row.included
    assert '[models] "gpt-4o" = { azure = "…" }' in row.reason


# --- keys ---


def test_a_wrong_setting_shows_no_key(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMSWITCH_REGION", "Atlantis")
    with pytest.raises(openai.OpenAIError, match="Atlantis") as caught:
        kind.ours(azure_endpoint="https://mine.openai.azure.com", api_version=VERSION, api_key=KEY)
    trace = caught.value.__traceback__
    while trace is not None:
        if "llmswitch" in trace.tb_frame.f_code.co_filename:
            assert KEY not in repr(trace.tb_frame.f_locals)
        trace = trace.tb_next
    assert KEY not in str(caught.value)


def test_a_custom_http_client_carries_every_call(server: Server) -> None:
    seen: list[str] = []
    with httpx.Client(event_hooks={"request": [lambda request: seen.append(request.url.path)]}) as http_client:
        arguments = {**forms(server.url, SYNC)["endpoint"], "http_client": http_client}
        assert AzureOpenAI(**arguments).chat.completions.create(**CALL).choices
        assert AzureOpenAI(**arguments).files.list().data == []
    assert seen == ["/openai/deployments/my-gpt4o/chat/completions", "/openai/files"]
