"""Be told of every attempt, failover, block and recovery: for metrics and alarms."""

from llmswitch import Event, OpenAI


def watch(event: Event) -> None:
    """Hooks are called in the thread of the call, so they should be quick."""
    print(event)


client = OpenAI(hooks=[watch])
client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
