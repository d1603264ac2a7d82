"""One call under rules of its own: only these providers, and data stays in these countries."""

from llmswitch import NoProviderError, OpenAI

client = OpenAI(user_region="CN")

rules = {"providers": ["qwen", "ernie", "zhipu"], "hosted_in": ["CN"]}
try:
    completion = client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "Where does this go?"}],
        extra_body={"llmswitch": rules},
    )
    print(completion.choices[0].message.content)
except NoProviderError as error:
    print(error)
