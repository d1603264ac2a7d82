"""Errors are openai's own classes or derived from them: old `except` clauses go on catching."""

import openai

from llmswitch import AllProvidersFailedError, OpenAI, StreamInterruptedError

client = OpenAI()

try:
    stream = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    for chunk in stream:
        for choice in chunk.choices:
            print(choice.delta.content or "", end="")
    print()
except StreamInterruptedError as error:
    print("broken off; what came is", repr(error.partial))
except AllProvidersFailedError as error:
    for attempt in error.attempts:
        print(attempt)
except openai.RateLimitError:
    print("too many requests")
