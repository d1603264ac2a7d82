"""The `LLMSWITCH_*` variables: their names, and what is said of one that nothing reads. Part of `config`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmswitch import adapter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmswitch.adapter import Adapter, Site

PREFIX: Final = "LLMSWITCH_"
LISTS: Final = ("providers", "order", "hosted_in")
EXCLUDED: Final = ("headquarters", "hosted_in", "tags", "providers")  # each a list: LLMSWITCH_EXCLUDE_TAGS
SWITCHES: Final = ("failover", "strict", "local")
_OTHERS: Final = ("config", "region", "user_region", "local_model")
_IN_THE_FILE: Final = ("deadline", "on_interrupt", "on_content_filter", "models", "cutover")


def named(*words: str) -> str:
    """`named("qwen", "cn", "base_url")` -> `"LLMSWITCH_QWEN_CN_BASE_URL"`."""
    return PREFIX + "_".join(word.upper().replace("-", "_") for word in words)


def base_url(provider: Adapter, site: Site | None = None) -> str:
    """The variable that moves a provider, or one of its sites."""
    return named(provider.name, *((site.name,) if site else ()), "base_url")


def via(provider: Adapter) -> str:
    """The variable that says whether a provider is called over HTTP or through its SDK."""
    return named(provider.name, "via")


def unread(environ: Mapping[str, str], also: Iterable[str]) -> tuple[str, ...]:
    """A warning for each variable of ours that is set and that nothing reads; `also`: those that the file names.

    Values are not shown: a key may stand there.
    """
    ours = sorted(name for name in environ if name.upper().startswith(PREFIX) and environ[name].strip())
    if not ours:
        return ()
    known = {*(named(name) for name in (*LISTS, *SWITCHES, *_OTHERS)), *also}
    known.update(named("exclude", name) for name in EXCLUDED)
    for provider in map(adapter.get, adapter.adapters()):
        known.update(provider.key_env, *(site.key_env for site in provider.sites))
        known.update((base_url(provider), *(base_url(provider, site) for site in provider.sites)))
        known.add(via(provider))
    return tuple(_warning(name, known) for name in ours if name not in known)


def _warning(name: str, known: set[str]) -> str:
    import difflib  # noqa: PLC0415 - only where there is something to say

    rest = name.upper().removeprefix(PREFIX)
    told = f"{name} is set, and nothing reads it"
    if rest.lower() in _IN_THE_FILE:
        return f"{told}: write `{rest.lower()}` in llmswitch.toml instead."
    # Compared without what all have in common; of ZHIPU_API_KEY and LLMSWITCH_ZHIPU_API_KEY the latter is meant.
    words = {
        word.removeprefix(PREFIX): word for word in sorted(known, key=lambda word: (word.startswith(PREFIX), word))
    }
    words |= {tail: f"{PREFIX}<PROVIDER>_{tail}" for tail in ("API_KEY", "BASE_URL", "VIA")}
    close = difflib.get_close_matches(rest, words, n=1)
    return f"{told}; did you mean {words[close[0]]}?" if close else f"{told}."
