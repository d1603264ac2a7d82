"""Two answers at once, streamed."""

import asyncio

from llmswitch import AsyncOpenAI


async def ask(client: AsyncOpenAI, question: str) -> str:
    """Collect one streamed answer."""
    pieces: list[str] = []
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": question}], stream=True
    )
    async for chunk in stream:
        pieces.extend(choice.delta.content or "" for choice in chunk.choices)
    return "".join(pieces)


async def main() -> None:
    """Ask both."""
    async with AsyncOpenAI() as client:
        for answer in await asyncio.gather(ask(client, "Hello"), ask(client, "你好")):
            print(answer)


asyncio.run(main())
