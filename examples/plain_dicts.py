"""The same engine on plain dicts, without importing openai."""

from llmswitch import Switch

with Switch() as switch:
    answer = switch.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "你好"}])
    print(answer["choices"][0]["message"]["content"])
    print("answered by", answer.llmswitch.endpoint)
