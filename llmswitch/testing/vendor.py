"""A vendor for the sandbox, made of its adapter alone: OpenAI's wire format, the adapter's models, the errors of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from llmswitch._variables import base_url
from llmswitch.failure import Kind
from llmswitch.sandbox.compatible import Compatible
from llmswitch.sandbox.dialect import Model, Provider, Site, Variant
from llmswitch.sandbox.fields import table, text
from llmswitch.sandbox.wire import Reply

if TYPE_CHECKING:
    from llmswitch import adapter
    from llmswitch._json import Json, JsonValue
    from llmswitch.failure import ErrorRule
    from llmswitch.sandbox.compatible import Turn
    from llmswitch.sandbox.wire import Call

# The sandbox's names for what a vendor says, by what it means, and the status that goes with it where a row names none.
KINDS: Final = {
    "region_block": (Kind.REGION_BLOCKED, 403),
    "arrears": (Kind.QUOTA_EXHAUSTED, 402),
    "rate_limit": (Kind.RATE_LIMITED, 429),
    "refusal": (Kind.CONTENT_FILTER, 400),
    "overload": (Kind.OVERLOADED, 503),
    "server_error": (Kind.SERVER_ERROR, 500),
    "auth": (Kind.AUTH, 401),
    "permission": (Kind.PERMISSION, 403),
    "model_not_found": (Kind.MODEL_NOT_FOUND, 404),
    "context_length": (Kind.CONTEXT_LENGTH, 400),
    "bad_request": (Kind.BAD_REQUEST, 400),
}
# What every server of this format says, where the adapter says nothing.
_USUAL: Final = {
    "auth": Variant(401, "invalid_api_key", "Incorrect API key provided.", "invalid_request_error"),
    "model_not_found": Variant(404, "model_not_found", "The model `{model}` does not exist.", "invalid_request_error"),
    "bad_request": Variant(400, "invalid_request", "Invalid request.", "invalid_request_error"),
    "context_length": Variant(
        400, "context_length_exceeded", "This model's maximum context length is exceeded.", "invalid_request_error"
    ),
    "rate_limit": Variant(429, "rate_limit_exceeded", "Rate limit reached.", "requests"),
    "overload": Variant(
        503, "overloaded", "The engine is currently overloaded, please try again later.", "server_error"
    ),
    "server_error": Variant(500, "server_error", "The server had an error.", "server_error"),
}


# Of a vendor whose models are the account's own.
_ANY_CHAT: Final = "gpt-4o"
_ANY_EMBEDDING: Final = "text-embedding-3-small"
_ANY: Final = {_ANY_CHAT: Model(), _ANY_EMBEDDING: Model(dimensions=(8,))}


class Generic(Compatible):
    """OpenAI's format; `facts` are the vendor's."""

    facts: ClassVar[adapter.Adapter]
    prefix = "/"
    most_choices = 4

    def known_model(self, call: Call, name: str | None) -> Model:
        """Take the adapter's names, dated ones too; every name where the adapter lists none."""
        found = self.facts.model(name or "")
        if found is not None:
            return self.models[found.name]
        if self.facts.models:
            return super().known_model(call, name)
        return _ANY[_ANY_EMBEDDING if "embed" in (name or "") else _ANY_CHAT]

    def thinks(self, call: Call, model: Model) -> bool:
        """Think as asked, by any of the switches that vendors have; else as the model does."""
        body = call.body
        switches: list[JsonValue] = [body.get("reasoning_effort"), table(body.get("thinking")).get("type")]
        if body.get("enable_thinking") is False or {"none", "disabled"} & {text(one) for one in switches}:
            return False
        return model.thinks

    def reasoned(self, call: Call, said: str) -> Json:
        """Reasoning as this vendor sends it: a text, or a list of texts."""
        del call
        listed = self.reasoning_field.endswith("details")
        return {self.reasoning_field: [{"type": "reasoning.text", "text": said}] if listed else said}

    def usage(self, turn: Turn) -> Json:
        """Cached tokens in the vendor's own word, where it has one."""
        own = self.facts.cached_field
        return turn.usage() if own is None else {**turn.usage(), own: 0}

    def error(self, call: Call, variant: Variant) -> Reply:
        """Show a code that stands under its own key (`base_resp:1008`) there."""
        name, found, code = str(variant.code).partition(":")
        if not found:
            return super().error(call, variant)
        number: JsonValue = int(code) if code.isdecimal() else code
        inner: Json = {"status_code": number, "status_msg": variant.message}
        outer: Json = {name: number, "error_msg": variant.message}
        return Reply(variant.status, {name: inner} if name == "base_resp" else outer)


def vendor(found: adapter.Adapter) -> Provider:
    """The vendor of this adapter, to be served by a `Sandbox`."""
    kind = type(
        f"Generic{found.name.title()}",
        (Generic,),
        {
            "facts": found,
            "owner": found.name,
            "reasoning_field": found.reasoning_field,
            "base64_vectors": not _numbers_only(found),
            "embeddings_batch": found.embeddings_batch or 2048,
            "errors": errors(found),
            "models": {name: _model(model) for name, model in found.models.items()} or _ANY,
        },
    )
    return Provider(name=found.name, sites=tuple(_site(found, site) for site in found.sites), dialects=(kind,))


def errors(found: adapter.Adapter) -> dict[str, tuple[Variant, ...]]:
    """What it says by the sandbox's kinds: the adapter's rows that ask for a code or a phrase, then what is usual."""
    said: dict[str, tuple[Variant, ...]] = {}
    for name, (kind, status) in KINDS.items():
        rows = [variant(row, status) for row in found.errors if row.kind is kind and stated(row)]
        usual = [_USUAL[name]] if name in _USUAL else []
        if rows or usual:
            said[name] = tuple(rows or usual)
    return said


def stated(row: ErrorRule) -> bool:
    """Whether a body can be made that this row is about: one whose words only a pattern describes cannot."""
    return not (row.pattern and not row.texts) and not row.weak


def variant(row: ErrorRule, status: int) -> Variant:
    """An error that this row is about."""
    codes = [*sorted(row.codes), *(glob.strip("*") + "x" * glob.endswith("*") for glob in row.globs)]
    code = next((code for code in codes if not code.startswith("(")), None)
    numbered = next((f"{code} " for code in codes if code.startswith("(")), "")
    words = numbered + (row.texts[0] if row.texts else "It said so.")
    return Variant(min(row.statuses, default=status), code, words, "error")


def _numbers_only(found: adapter.Adapter) -> bool:
    return any("encoding_format" in rule.names and rule.action in ("replace", "drop") for rule in found.parameters)


def _model(model: adapter.Model) -> Model:
    return Model(
        model.context or 128_000, thinks="reasoning" in model.capabilities, dimensions=model.dimensions or _size(model)
    )


def _size(model: adapter.Model) -> tuple[int, ...]:
    return (8,) if "embeddings" in model.capabilities else ()


def _site(found: adapter.Adapter, site: adapter.Site) -> Site:
    made = Site.of(found.name, site.name, base=urlsplit(site.base_url).path if site.base_url else "/v1")
    if site.serves != "anywhere":
        return made
    return Site(
        name=site.name,
        key=made.key,
        base=made.base,
        native=made.native,
        base_variable=base_url(found, None),
        key_variable=found.key_env[0],
    )
