"""Programs written for openai, with their import line swapped: checked, never run."""

from __future__ import annotations

from typing import assert_type

import openai
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from llmswitch import AsyncOpenAI, OpenAI, RateLimitError, StreamInterruptedError, Switch
from llmswitch.switch import Reply, Stream


def quickstart() -> str | None:
    client = OpenAI(api_key="sk-…", timeout=10, max_retries=1, region="CN", providers=["qwen"])
    answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert_type(answer, ChatCompletion)
    return answer.choices[0].message.content


def streaming() -> None:
    with OpenAI() as client:
        stream = client.chat.completions.create(model="gpt-4o", messages=[], stream=True)
        assert_type(stream, openai.Stream[ChatCompletionChunk])
        try:
            for chunk in stream:
                assert_type(chunk.choices[0].delta.content, str | None)
        except StreamInterruptedError as error:
            assert_type(error.partial, str)
        except RateLimitError as error:
            print(error.message)  # noqa: T201


async def parsing(client: AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model="gpt-4o", messages=[]) as events:
        async for event in events:
            print(event.type)  # noqa: T201
    vectors = await client.embeddings.create(model="text-embedding-3-small", input="hi")
    assert_type(vectors.data[0].embedding, list[float])


def plain_dicts() -> None:
    with Switch(region="CN") as switch:
        assert_type(switch.chat.completions.create(model="gpt-4o", messages=[]), Reply)
        assert_type(switch.chat.completions.create(model="gpt-4o", messages=[], stream=True), Stream)
