"""Azure OpenAI as the sandbox serves it: deployments, `api-version`, `api-key` or a token, its own errors before those of OpenAI's models.

Sources: openai's SDK (lib/azure.py) for paths and headers; the bodies are those reported in chatboxai/chatbox#646 (deployment),
SciSharp/BotSharp#386 (key), microsoft/PromptWizard#18 (role), Azure-Samples/azure-sql-db-chatbot#3 (firewall), openai/openai-node#1108
(rate limit), pollinations/pollinations#6260 (load), microsoft/TinyTroupe#85 (filter), AbanteAI/archive-old-cli-mentat#429 (first chunk).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from llmswitch.sandbox.dialect import Provider, Route, Site, Variant
from llmswitch.sandbox.fields import tables
from llmswitch.sandbox.vendors.openai import OpenAI
from llmswitch.sandbox.wire import Frame, Reply, event, identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmswitch._json import Json
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call, Stream

_NOTHING = Variant(404, "404", "Resource not found")
_SAFE: Json = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
_REFUSED: Json = {**_SAFE, "violence": {"filtered": True, "severity": "high"}}


class Azure(OpenAI):
    """`{resource}.openai.azure.com`: `/openai/deployments/{deployment}/...?api-version=` and `/openai/v1/...`."""

    prefix = "/openai"
    deployments: ClassVar = {"my-gpt4o": "gpt-4o", "my-embeddings": "text-embedding-3-small"}
    """Beside them, one deployment of each model is called as the model."""
    errors: ClassVar = {
        "rate_limit": (
            Variant(
                429,
                "429",
                "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token "
                "rate limit of your current OpenAI S0 pricing tier. Please retry after 1 second.",
            ),
        ),
        "refusal": (
            Variant(
                400,
                "content_filter",
                "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify "
                "your prompt and retry.",
                param="prompt",
            ),
        ),
        "overload": (
            Variant(
                429,
                "429",
                "The system is currently experiencing high demand and cannot process your request. Please retry after 20 seconds.",
            ),
        ),
        "server_error": (
            Variant(
                500, "InternalServerError", "The server had an error while processing your request. Sorry about that!"
            ),
        ),
        "auth": (
            Variant(
                401,
                "401",
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
                "active subscription and use a correct regional API endpoint for your resource.",
            ),
        ),
        "permission": (
            Variant(401, "PermissionDenied", "Principal does not have access to API/Operation."),
            Variant(403, "403", "Access denied due to Virtual Network/Firewall rules."),
        ),
        "model_not_found": (
            Variant(
                404,
                "DeploymentNotFound",
                "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
                "please wait a moment and try again.",
            ),
        ),
        "context_length": OpenAI.errors["context_length"],
        "bad_request": OpenAI.errors["bad_request"],
    }

    def routes(self) -> tuple[Route, ...]:
        """Return the deployments' paths, those of version 1, and the models."""
        deployment, v1 = "/openai/deployments/{deployment}", "/openai/v1"
        return (
            Route("POST", f"{deployment}/chat/completions", self._deployed(self.chat)),
            Route("POST", f"{deployment}/embeddings", self._deployed(self.embeddings)),
            Route("POST", f"{v1}/chat/completions", self._deployed(self.chat)),
            Route("POST", f"{v1}/embeddings", self._deployed(self.embeddings)),
            Route("POST", f"{v1}/responses", self._deployed(self.responses)),
            Route("POST", "/openai/responses", self._deployed(self.responses)),
            Route("GET", f"{v1}/models", self.list_models),
            Route("GET", "/openai/models", self.list_models),
        )

    def handle(self, call: Call) -> Reply | Stream:
        """Find nothing without `api-version`, unless the path is version 1's."""
        if not call.path.startswith("/openai/v1/") and "api-version" not in call.query:
            return self.error(call, _NOTHING)
        return super().handle(call)

    def authenticate(self, call: Call) -> None:
        """Take the key as `api-key`, or as `Authorization: Bearer`, where a token would stand."""
        if self.site.key not in (call.headers.get("api-key"), call.bearer()):
            raise self.refuse(call, "auth")

    def _deployed(self, handler: Callable[[Call], Reply | Stream]) -> Callable[[Call], Reply | Stream]:
        """The handler, with the model of the deployment that the path, else the body, names."""

        def handle(call: Call) -> Reply | Stream:
            name = call.places.get("deployment") or call.model or ""
            model = self.deployments.get(name, name)
            if model not in self.models:
                raise self.refuse(call, "model_not_found")
            return handler(replace(call, body={**call.body, "model": model}))

        return handle

    def error(self, call: Call, variant: Variant) -> Reply:
        """Return `{"error": {code, message}}` of the gateway, the filter's details, or the model's error in OpenAI's shape."""
        if variant.type is not None:
            return super().error(call, variant)
        error: Json = {"code": variant.code, "message": variant.message}
        if variant.code == "content_filter":
            inner: Json = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": _REFUSED}
            error |= {"type": None, "param": variant.param, "status": 400, "innererror": inner}
        return Reply(variant.status, {"error": error}, {"apim-request-id": identifier()})

    def unknown_path(self, call: Call) -> Reply:
        """Return the gateway's 404."""
        return self.error(call, _NOTHING)

    def dress(self, turn: Turn, body: Json) -> Json:
        """Add what the filter found."""
        body = super().dress(turn, body)
        if body.get("object") == "chat.completion":
            body["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": _SAFE}]
        for choice in tables(body.get("choices")):
            choice["content_filter_results"] = _SAFE
        return body

    def frames(self, turn: Turn) -> Iterator[Frame]:
        """Yield what the filter found in the prompt first, in a chunk without choices."""
        found: Json = {"prompt_index": 0, "content_filter_results": _SAFE}
        empty: Json = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
        yield Frame("preamble", event({**empty, "prompt_filter_results": [found]}))
        yield from super().frames(turn)


PROVIDER = Provider(
    name="azure",
    rank=50,
    dialects=(Azure,),
    sites=(
        Site(
            name="global",
            key="llmswitchsandboxazurenotarealkey",
            base="/openai/v1",
            native="",  # where openai's AzureOpenAI begins: `azure_endpoint`
            base_variable="LLMSWITCH_AZURE_BASE_URL",
            key_variable="LLMSWITCH_AZURE_API_KEY",
        ),
    ),
)
