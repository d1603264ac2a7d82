"""A tool call: the shape is OpenAI's, whoever answers."""

import json

from llmswitch import OpenAI

client = OpenAI()

completion = client.chat.completions.create(
    model="gpt-4o",
    messages=[{"role": "user", "content": "How is the weather in Beijing?"}],
    tools=[
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "The weather of a city",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            },
        }
    ],
)
for call in completion.choices[0].message.tool_calls or ():
    if call.type == "function":
        print(call.function.name, json.loads(call.function.arguments))
