"""A program that wrote `import openai`, with that line swapped: checked, never run."""

from __future__ import annotations

from typing import assert_type

import openai as theirs
from openai.resources import Embeddings
from openai.types.chat import ChatCompletion, ChatCompletionChunk

import llmswitch as openai


def calls() -> None:
    openai.api_key = "sk-…"
    openai.base_url = "https://host.example/v1"
    openai.timeout = 10
    openai.default_headers = {"X-Mine": "1"}
    assert_type(openai.chat.completions.create(model="gpt-4o", messages=[]), ChatCompletion)
    assert_type(openai.embeddings, Embeddings)


def clients() -> None:
    client = openai.OpenAI(timeout=openai.Timeout(10), region="CN")
    try:
        assert_type(client.chat.completions.create(model="gpt-4o", messages=[]), ChatCompletion)
    except openai.RateLimitError as error:
        assert_type(error, theirs.RateLimitError)
    plain: theirs.OpenAI = openai.Client()
    assert plain.with_options(max_retries=openai.DEFAULT_MAX_RETRIES).max_retries
    assert_type(openai.NOT_GIVEN, theirs.NotGiven)


def azure() -> ChatCompletion:
    client = openai.AzureOpenAI(azure_endpoint="https://mine.openai.azure.com", api_version="2024-10-21")
    beneath: theirs.AzureOpenAI = client
    assert_type(client.with_options(timeout=3), openai.AzureOpenAI)
    return beneath.chat.completions.create(model="my-gpt4o", messages=[])


async def asynchronously() -> None:
    async with openai.AsyncAzureOpenAI(azure_endpoint="https://mine.openai.azure.com") as client:
        answer = await client.chat.completions.create(model="my-gpt4o", messages=[])
        assert_type(answer, ChatCompletion)
    async with openai.AsyncClient() as other:
        stream = await other.chat.completions.create(model="gpt-4o", messages=[], stream=True)
        assert_type(stream, theirs.AsyncStream[ChatCompletionChunk])
