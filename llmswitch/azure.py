"""Placeholder."""
from __future__ import annotations
import openai
from llmswitch.openai import AsyncOpenAI, OpenAI


class AzureOpenAI(OpenAI, openai.AzureOpenAI):
    """x."""


class AsyncAzureOpenAI(AsyncOpenAI, openai.AsyncAzureOpenAI):
    """x."""
