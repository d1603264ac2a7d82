"""openai's `parse` helper: an answer as a pydantic model."""

from pydantic import BaseModel

from llmswitch import OpenAI


class Event(BaseModel):
    """What is asked for."""

    name: str
    date: str


client = OpenAI()

completion = client.chat.completions.parse(
    model="gpt-4o",
    messages=[{"role": "user", "content": "Alice and Bob meet on Friday."}],
    response_format=Event,
)
print(completion.choices[0].message.parsed)
