"""OpenAI's quickstart with its import swapped: the rest is as it was."""

from llmswitch import OpenAI  # was: from openai import OpenAI

client = OpenAI()

completion = client.chat.completions.create(
    model="gpt-4o",
    messages=[{"role": "user", "content": "Say this is a test"}],
)
print(completion.choices[0].message.content)
