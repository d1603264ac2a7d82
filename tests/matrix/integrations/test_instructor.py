"""instructor: structured answers over our clients, which it patches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import instructor
import pytest
from pydantic import BaseModel, field_validator

import llmswitch
from tests.recorder import CALL

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmswitch.sandbox import Sandbox

pytestmark = pytest.mark.matrix

ASKED: list[Any] = [{"role": "user", "content": "plan my day, in json"}]
MODES = [instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA]


class Plan(BaseModel):
    title: str
    steps: list[str]


def dumped(plan: BaseModel) -> object:
    return plan.model_dump()  # `==` compares the answer that instructor keeps in each, too


def plain(completion: Any) -> object:
    return [
        completion.choices[0].finish_reason,
        completion.choices[0].message.content,
        completion.usage,
        completion.model,
    ]


@pytest.mark.parametrize("mode", MODES)
def test_over_our_client_it_does_what_it_does_over_openais(alike: Callable[..., Any], mode: instructor.Mode) -> None:
    async def program(client: Any, async_client: Any) -> object:
        patched, async_patched = (instructor.from_openai(one, mode=mode) for one in (client, async_client))
        asked = {"model": "gpt-4o", "messages": ASKED, "max_retries": 1}
        plan, completion = patched.chat.completions.create_with_completion(response_model=Plan, **asked)
        again = await async_patched.chat.completions.create(response_model=Plan, **asked)
        parts = list(patched.chat.completions.create_partial(response_model=Plan, **asked))
        async_parts = [
            part async for part in async_patched.chat.completions.create_partial(response_model=Plan, **asked)
        ]
        assert isinstance(plan, Plan)
        return [plain(completion), *map(dumped, (plan, again, *parts, *async_parts))]

    alike(program)


def test_it_survives_the_block(survives: Callable[..., Any]) -> None:
    async def program(client: Any, async_client: Any) -> object:
        asked = {"model": "gpt-4o", "messages": ASKED, "max_retries": 1, "response_model": Plan}
        plan, completion = instructor.from_openai(client).chat.completions.create_with_completion(**asked)
        again = await instructor.from_openai(async_client).chat.completions.create(**asked)
        parts = list(instructor.from_openai(client).chat.completions.create_partial(**asked))
        assert completion.llmswitch.provider == "qwen"
        return [plan, again, parts[-1]]

    assert all(survives(program))


def test_a_failed_validation_is_asked_again(lone: Sandbox, alike: Callable[..., Any]) -> None:
    tried: list[int] = []

    class Strict(Plan):
        @field_validator("title")
        @classmethod
        def _second_time(cls, title: str) -> str:
            tried.append(1)
            if len(tried) % 2:
                raise ValueError("try again")
            return title

    async def program(client: Any, _: Any) -> object:
        patched = instructor.from_openai(client)
        return patched.chat.completions.create(
            model="gpt-4o", messages=ASKED, response_model=Strict, max_retries=3
        ).steps

    alike(program)
    assert lone.hits() > 2


def test_the_older_way_of_patching(alike: Callable[..., Any]) -> None:
    async def program(client: Any, async_client: Any) -> object:
        instructor.patch(client)
        instructor.patch(async_client)
        asked: dict[str, Any] = {"model": "gpt-4o", "messages": ASKED, "response_model": Plan, "max_retries": 1}
        unchanged = client.chat.completions.create(**CALL).choices[0].message.content
        plans = [client.chat.completions.create(**asked), await async_client.chat.completions.create(**asked)]
        return [unchanged, *map(dumped, plans)]

    alike(program)


def test_hooks_see_requests_and_answers(alike: Callable[..., Any]) -> None:
    async def program(client: Any, _: Any) -> object:
        seen: list[object] = []
        patched = instructor.from_openai(client)
        patched.on("completion:kwargs", lambda **kwargs: seen.append(sorted(kwargs)))
        patched.on("completion:response", lambda response: seen.append(plain(response)))
        patched.chat.completions.create(model="gpt-4o", messages=ASKED, response_model=Plan, max_retries=1)
        return seen

    assert len(alike(program)) == 2


def test_it_takes_our_class_by_isinstance(pair: Sandbox) -> None:
    with llmswitch.OpenAI() as client:
        patched = instructor.from_openai(client, model="gpt-4o")
        assert patched.chat.completions.create(messages=ASKED, response_model=Plan)
    assert pair.hits("openai") == 1
