"""A test of your own app: the fixture comes with llmswitch and points it at providers on this machine."""

from llmswitch import OpenAI
from llmswitch.sandbox import Sandbox


def answer(question: str) -> str:
    """Stand in for your app."""
    with OpenAI() as client:
        completion = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": question}])
    return completion.choices[0].message.content or ""


def test_survives_the_block(llmswitch_sandbox: Sandbox) -> None:
    """OpenAI refuses once and is left alone from then on."""
    llmswitch_sandbox.fault("openai", "region_block")

    assert all(answer("Hello") for _ in range(10))

    assert llmswitch_sandbox.hits("openai") == 1
