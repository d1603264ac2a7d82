"""Vectors never change their model by themselves: the name says whose they are."""

from llmswitch import OpenAI

client = OpenAI()

answer = client.embeddings.create(model="qwen/text-embedding-v4", input=["first text", "second text"])
for item in answer.data:
    print(item.index, len(item.embedding))
