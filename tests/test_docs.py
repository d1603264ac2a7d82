"""What the documents show is true: every block of Python, TOML and console runs here, against the sandbox, and so does every example.

The READMEs' tables come out of adapters/*.toml; `python tests/test_docs.py` writes them anew.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llmswitch import adapter, config, explain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmswitch.adapter import Adapter, Site
    from llmswitch.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
LONGEST = 40  # lines of an example
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(document: Path, language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(document.read_text(encoding="utf-8")) if name == language]


def documents_with(language: str) -> list[Path]:
    return [document for document in DOCUMENTS if blocks(document, language)]


def name(path: Path) -> str:
    return path.name


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)},
        encoding="utf-8",
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("document", documents_with("python"), ids=name)
def test_python_blocks_run_in_the_order_of_the_page(document: Path, sandbox: Sandbox) -> None:
    names: dict[str, object] = {"sandbox": sandbox, "__name__": "__main__"}
    for block in blocks(document, "python"):
        exec(compile(block, document.name, "exec"), names)
    for function in [value for key, value in names.items() if key.startswith("test_")]:
        sandbox.reset()
        assert callable(function)
        function(sandbox)


@pytest.mark.parametrize("document", documents_with("toml"), ids=name)
def test_toml_blocks_are_settings_or_adapters(document: Path, tmp_path: Path) -> None:
    for block in blocks(document, "toml"):
        kind = config.load if not block.startswith("# adapters/") else adapter.load
        path = tmp_path / ("llmswitch.toml" if kind is config.load else block.splitlines()[0].rpartition("/")[2])
        path.write_text(block, encoding="utf-8")
        if kind is config.load:
            assert config.load(environ={}, directory=tmp_path).source == str(path)
        else:
            assert adapter.load(path).sites


def commands(block: str) -> Iterator[tuple[str, str]]:
    """`$ command` lines, each with the output that follows it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command.partition("  #")[0].strip(), expected


@pytest.mark.parametrize("document", documents_with("console"), ids=name)
@pytest.mark.usefixtures("sandbox")
def test_console_blocks_print_what_they_show(document: Path) -> None:
    for block in blocks(document, "console"):
        for command, expected in commands(block):
            program, *arguments = shlex.split(command)
            assert program == "llmswitch", f"a console block shows commands of llmswitch, not {command!r}"
            done = run("-m", "llmswitch", *arguments)
            said = " ".join(done.stdout.split())
            words = " ".join(expected.split())
            # `...` stands for anything, and the width of columns does not matter.
            assert re.fullmatch(re.escape(words).replace(r"\.\.\.", ".*"), said), (
                f"{command}\n{done.stdout}{done.stderr}"
            )


@pytest.mark.parametrize("example", EXAMPLES, ids=name)
def test_examples_run_and_are_short(example: Path, sandbox: Sandbox) -> None:
    assert len(example.read_text(encoding="utf-8").splitlines()) < LONGEST

    tests = example.name.startswith("test_")
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(example)) if tests else run(str(example))

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
    assert tests or sandbox.hits()


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (document.parent / target).exists(), f"{document.name}: {target}"


# --- tables -----------------------------------------------------------------------------------------------------------

REGIONS = ("CN", "HK", "MO", "RU", "IR", "SG", "JP", "US", "DE")
KEYS = {
    "OPENAI_API_KEY": "sk-a",
    "DASHSCOPE_CN_API_KEY": "sk-b",
    "DASHSCOPE_INTL_API_KEY": "sk-c",
    "ZHIPUAI_API_KEY": "a.b",
    "ZAI_API_KEY": "c.d",
    "QIANFAN_API_KEY": "bce-v3/e/f",
}
WORDS = {
    "README.md": {
        "providers": "| endpoint | provider | address | whom it serves | key | as of |",
        "regions": "| from | OpenAI | asked in this order |",
        "list": "{count} countries and territories on its list, {unknown} unknown",
        "home": "home: {regions}",
        "all": "all",
        "all-unknown": "all; {unknown} unknown",
        "all-refused": "all but {not_served}; {unknown} unknown",
        "all-discouraged": "all but {discouraged}, which it does not refuse; {unknown} unknown",
        "account": "depends on your account",
        "comma": ", ",
        "last": "; last, meant for elsewhere: ",
        "served": "serves",
        "not_served": "does not serve",
    },
    "README.zh-CN.md": {
        "providers": "| 端点 | 提供商 | 地址 | 服务范围 | 密钥 | 截至 |",
        "regions": "| 调用来自 | OpenAI | 尝试顺序 |",
        "list": "名单上的 {count} 个国家和地区，{unknown} 个未知",
        "home": "本地：{regions}",
        "all": "全部",
        "all-unknown": "全部；{unknown} 个未知",
        "all-refused": "除 {not_served} 外全部；{unknown} 个未知",
        "all-discouraged": "除 {discouraged} 外全部（也不拒绝它）；{unknown} 个未知",
        "account": "取决于您的账号",
        "comma": "、",
        "last": "；最后才用（面向其他地区）：",
        "served": "服务",
        "not_served": "不服务",
    },
}


def whom(site: Site, words: dict[str, str]) -> str:
    key = {"list": "list", "home": "home"}.get(site.serves)
    key = key or ("all-refused" if site.not_served else "all-discouraged" if site.discouraged else None)
    key = key or ("all-unknown" if site.unknown else "all")
    return words[key].format(
        count=len(site.regions),
        unknown=len(site.unknown),
        regions=words["comma"].join(sorted(site.regions)),
        discouraged=words["comma"].join(sorted(site.discouraged)),
        not_served=words["comma"].join(sorted(site.not_served)),
    )


def key_of(provider: Adapter, site: Site) -> str:
    own, bare = ([key for key in keys if "LLMSWITCH" not in key][:1] for keys in (site.key_env, provider.key_env))
    return "`, `".join(bare + own)


def providers_table(words: dict[str, str]) -> Iterator[str]:
    yield words["providers"]
    yield "|---" * 6 + "|"
    for provider in map(adapter.get, adapter.adapters()):
        title = provider.title_zh or provider.title if words["comma"] == "、" else provider.title
        for site in provider.sites:
            if site.serves == "anywhere":
                continue
            address = f"`{site.hosts[0]}`" if site.base_url else words["account"]
            cells = (f"`{provider.name}@{site.name}`", title, address, whom(site, words),
                     f"`{key_of(provider, site)}`", site.fact.as_of)  # fmt: skip
            yield f"| {' | '.join(cells)} |"


def regions_table(words: dict[str, str]) -> Iterator[str]:
    yield words["regions"]
    yield "|---" * 3 + "|"
    for region in REGIONS:
        rows = [row for row in explain("gpt-4o", region=region, environ=KEYS).rows if row.included]
        sites = {f"{row.provider}@{row.site}": adapter.get(row.provider).site(row.site) for row in rows}
        last = [f"`{name}`" for name, site in sites.items() if site.verdict(region) == "discouraged"]
        first = [f"`{name}`" for name in sites if f"`{name}`" not in last]
        order = words["comma"].join(first) + (words["last"] + words["comma"].join(last) if last else "")
        yield f"| {region} | {words[adapter.get('openai').site('global').verdict(region)]} | {order} |"


TABLES = {"providers": providers_table, "regions": regions_table}


def with_tables(document: Path) -> str:
    text = document.read_text(encoding="utf-8")
    for table, rows in TABLES.items():
        wanted = "\n".join(rows(WORDS[document.name]))
        begin = rf"(<!-- {table}: [^\n]* -->\n).*?(<!-- end -->)"
        text, found = re.subn(begin, lambda mark, wanted=wanted: f"{mark[1]}{wanted}\n{mark[2]}", text, flags=re.DOTALL)  # type: ignore[misc]
        assert found == 1, f"{document.name} has no place for the table {table}"
    return text


@pytest.mark.parametrize("document", [ROOT / name for name in WORDS], ids=name)
def test_tables_say_what_the_adapters_say(document: Path) -> None:
    assert document.read_text(encoding="utf-8") == with_tables(document), "run: python tests/test_docs.py"


if __name__ == "__main__":
    for name_ in WORDS:
        (ROOT / name_).write_text(with_tables(ROOT / name_), encoding="utf-8")
