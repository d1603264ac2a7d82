"""Vectors never change their model by themselves: the name says whose they are, and the space is what to store beside them."""

from llmswitch import OpenAI

client = OpenAI()

answer = client.embeddings.create(model="qwen/text-embedding-v4", input=["first text", "second text"])
for item in answer.data:
    print(item.index, len(item.embedding))
print(answer.llmswitch.space)  # type: ignore[attr-defined]  # beside openai's own fields
