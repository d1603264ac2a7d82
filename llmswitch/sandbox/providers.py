"""The vendors: their sites, the made-up keys that each alone accepts, the variables that point at them."""

from __future__ import annotations

from llmswitch.sandbox import ernie_v1
from llmswitch.sandbox.azure import Azure
from llmswitch.sandbox.dialect import Provider, Site
from llmswitch.sandbox.ernie import Ernie
from llmswitch.sandbox.openai import OpenAI
from llmswitch.sandbox.qwen import Qwen
from llmswitch.sandbox.qwen_native import QwenNative
from llmswitch.sandbox.zhipu import Zhipu


def _qwen(name: str, base_variable: str, key_variable: str, sdk: dict[str, str]) -> Site:
    return Site(
        name=name,
        key=f"sk-llmswitch-sandbox-qwen-{name}-not-a-real-key",
        base="/compatible-mode/v1",
        native="/api/v1",
        base_variable=base_variable,
        key_variable=key_variable,
        sdk=sdk,
    )


def _zhipu(name: str, base_variable: str, key_variable: str, sdk: dict[str, str]) -> Site:
    return Site(
        name=name,
        key=f"llmswitchsandbox{name}.not-a-real-key-and-never-will-be",
        base="/api/paas/v4",
        native="/api/paas/v4",
        base_variable=base_variable,
        key_variable=key_variable,
        sdk=sdk,
    )


PROVIDERS = (
    Provider(
        name="openai",
        dialects=(OpenAI,),
        sites=(
            Site(
                name="global",
                key="sk-llmswitch-sandbox-openai-not-a-real-key",
                base="/v1",
                native="/v1",
                base_variable="LLMSWITCH_OPENAI_BASE_URL",
                key_variable="OPENAI_API_KEY",
                sdk={"OPENAI_BASE_URL": "{base}", "OPENAI_API_KEY": "{key}"},
            ),
        ),
    ),
    Provider(
        name="qwen",
        dialects=(Qwen, QwenNative),
        sites=(
            _qwen(
                "cn",
                "LLMSWITCH_QWEN_CN_BASE_URL",
                "DASHSCOPE_API_KEY",
                {
                    "DASHSCOPE_API_KEY": "{key}",
                    "DASHSCOPE_HTTP_BASE_URL": "{native}",
                    "DASHSCOPE_COMPATIBLE_BASE_URL": "{base}",
                },
            ),
            _qwen("intl", "LLMSWITCH_QWEN_INTL_BASE_URL", "DASHSCOPE_INTL_API_KEY", {}),
        ),
    ),
    Provider(
        name="ernie",
        dialects=(Ernie, ernie_v1.ErnieV1),
        sites=(
            Site(
                name="cn",
                key="bce-v3/ALTAK-llmswitch-sandbox/not-a-real-key",
                base="/v2",
                native="/rpc/2.0/ai_custom/v1/wenxinworkshop",
                base_variable="LLMSWITCH_ERNIE_BASE_URL",
                key_variable="QIANFAN_API_KEY",
                sdk={
                    "QIANFAN_BEARER_TOKEN": "{key}",
                    "QIANFAN_CONSOLE_API_BASE_URL": "{origin}",
                    "QIANFAN_BASE_URL": "{origin}",
                    "QIANFAN_IAM_BASE_URL": "{origin}",
                    "QIANFAN_AK": ernie_v1.API_KEY,
                    "QIANFAN_SK": ernie_v1.SECRET_KEY,
                },
            ),
        ),
    ),
    Provider(
        name="zhipu",
        dialects=(Zhipu,),
        sites=(
            _zhipu(
                "cn",
                "LLMSWITCH_ZHIPU_CN_BASE_URL",
                "ZHIPUAI_API_KEY",
                {"ZHIPUAI_API_KEY": "{key}", "ZHIPUAI_BASE_URL": "{base}"},
            ),
            _zhipu(
                "intl",
                "LLMSWITCH_ZHIPU_INTL_BASE_URL",
                "ZAI_API_KEY",
                {"ZAI_API_KEY": "{key}", "ZAI_BASE_URL": "{base}"},
            ),
        ),
    ),
    Provider(
        name="azure",
        dialects=(Azure,),
        sites=(
            Site(
                name="global",
                key="llmswitchsandboxazurenotarealkey",
                base="/openai/v1",
                native="",  # where openai's AzureOpenAI begins: `azure_endpoint`
                base_variable="LLMSWITCH_AZURE_BASE_URL",
                key_variable="LLMSWITCH_AZURE_API_KEY",
            ),
        ),
    ),
)
