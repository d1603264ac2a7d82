"""Writes what the documents say of the vendors out of adapters/*.toml: both READMEs' tables and a page a vendor in docs/providers.

`python docs/write_tables.py` writes; with `--check` it only tells which files would change, and exits with 1 if any would.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from llmswitch import adapter, explain
from llmswitch.cli._sheet import sections

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmswitch.adapter import Adapter, Site

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = ROOT / "docs" / "providers"
REGIONS: Final = ("CN", "HK", "MO", "RU", "IR", "SG", "JP", "US", "DE")
# Whose keys are set where the READMEs say who is asked in which order.
KEYS: Final = {
    "OPENAI_API_KEY": "sk-a",
    "DASHSCOPE_CN_API_KEY": "sk-b",
    "DASHSCOPE_INTL_API_KEY": "sk-c",
    "ZHIPUAI_API_KEY": "a.b",
    "ZAI_API_KEY": "c.d",
    "QIANFAN_API_KEY": "bce-v3/e/f",
}
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "README.md": {
        "providers": "| provider | | company in | sites, and whom they serve | key | read |",
        "regions": "| from | OpenAI | asked in this order |",
        "list": "{count} countries on its list",
        "all": "all",
        "all-refused": "all but {not_served}",
        "all-discouraged": "all but {discouraged}, which it does not refuse",
        "comma": ", ",
        "semicolon": "; ",
        "last": "; last, meant for elsewhere: ",
        "served": "serves",
        "not_served": "does not serve",
    },
    "README.zh-CN.md": {
        "providers": "| 提供商 | | 公司所在地 | 站点及其服务范围 | 密钥 | 截至 |",
        "regions": "| 调用来自 | OpenAI | 尝试顺序 |",
        "list": "名单上的 {count} 个国家和地区",
        "all": "全部",
        "all-refused": "除 {not_served} 外全部",
        "all-discouraged": "除 {discouraged} 外全部（也不拒绝它）",
        "comma": "、",
        "semicolon": "；",
        "last": "；最后才用（面向其他地区）：",
        "served": "服务",
        "not_served": "不服务",
    },
}


def whom(site: Site, words: Mapping[str, str]) -> str:
    """Whom a site serves."""
    if site.serves == "home":
        return words["comma"].join(sorted(site.regions))
    key = (
        "list"
        if site.serves == "list"
        else "all-refused"
        if site.not_served
        else "all-discouraged"
        if site.discouraged
        else "all"
    )
    return words[key].format(
        count=len(site.regions),
        not_served=words["comma"].join(sorted(site.not_served)),
        discouraged=words["comma"].join(sorted(site.discouraged)),
    )


def key_of(provider: Adapter) -> str:
    """The variable that most people have: the bare one, else the first of each site."""
    bare = [key for key in provider.key_env if "LLMSWITCH" not in key][:1]
    own = [next((key for key in site.key_env if "LLMSWITCH" not in key), "") for site in provider.sites]
    return ", ".join(f"`{key}`" for key in bare or dict.fromkeys(filter(None, own)))


def providers(words: Mapping[str, str]) -> Iterator[str]:
    """A row a vendor, its sites grouped by whom they serve."""
    yield words["providers"]
    yield "|---" * 6 + "|"
    chinese = words["comma"] == "、"
    for provider in map(adapter.get, adapter.adapters()):
        if provider.home_site().serves == "anywhere":
            continue
        title = provider.title_zh if chinese and provider.title_zh else provider.title
        served: dict[str, list[str]] = {}
        for site in provider.sites:
            served.setdefault(whom(site, words), []).append(f"`{site.name}`")
        sites = words["semicolon"].join(f"{words['comma'].join(names)}: {text}" for text, names in served.items())
        name = f"[`{provider.name}`](docs/providers/{provider.name}.md)"
        cells = (name, title, provider.headquarters, sites, key_of(provider), provider.home_site().fact.as_of)
        yield f"| {' | '.join(cells)} |"


def regions(words: Mapping[str, str]) -> Iterator[str]:
    """A row a region: whether OpenAI serves it, and who is asked in which order."""
    yield words["regions"]
    yield "|---" * 3 + "|"
    for region in REGIONS:
        rows = [row for row in explain("gpt-4o", region=region, environ=KEYS).rows if row.included]
        sites = {f"{row.provider}@{row.site}": adapter.get(row.provider).site(row.site) for row in rows}
        last = [f"`{name}`" for name, site in sites.items() if site.verdict(region) == "discouraged"]
        first = [f"`{name}`" for name in sites if f"`{name}`" not in last]
        order = words["comma"].join(first) + (words["last"] + words["comma"].join(last) if last else "")
        yield f"| {region} | {words[adapter.get('openai').site('global').verdict(region)]} | {order} |"


def readme(name: str) -> str:
    """The document with its tables as they should be."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for table, rows in (("providers", providers), ("regions", regions)):
        wanted = "\n".join(rows(WORDS[name]))
        begin = rf"(<!-- {table}: [^\n]* -->\n).*?(<!-- end -->)"
        text, found = re.subn(begin, lambda mark, wanted=wanted: f"{mark[1]}{wanted}\n{mark[2]}", text, flags=re.DOTALL)  # type: ignore[misc]
        if found != 1:
            raise SystemExit(f"{name} has no place for the table {table}")
    return text


def page(provider: Adapter) -> str:
    """All that the vendor's TOML states."""
    title = (
        f"{provider.title} ({provider.title_zh})" if provider.title_zh not in ("", provider.title) else provider.title
    )
    about = [f"`{provider.name}`"]
    if provider.aliases:
        about.append("also " + ", ".join(f"`{alias}`" for alias in provider.aliases))
    if provider.headquarters:
        about.append(f"company in {provider.headquarters}")
    about += [f"tag `{tag}`" for tag in provider.tags]
    about.append(f"wire format `{provider.dialect}`")
    lines = [
        f"<!-- written by docs/write_tables.py out of adapters/{provider.name}.toml -->",
        f"# {title}",
        "",
        "; ".join(about) + ".",
    ]
    if provider.docs:
        lines.append(f"The vendor's own documents: <{provider.docs}>.")
    lines.append(
        "Facts with source and date, no legal advice; `llmswitch adapters " + provider.name + "` prints the same."
    )
    for section in sections(provider):
        columns, rows = section.filled()
        lines += ["", f"## {section.title}", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        lines += [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def documents() -> dict[Path, str]:
    """Every generated document and what it should hold."""
    found = {ROOT / name: readme(name) for name in WORDS}
    rows = ["| provider | | company in | sites | models |", "|---" * 5 + "|"]
    for provider in map(adapter.get, adapter.adapters()):
        found[PAGES / f"{provider.name}.md"] = page(provider)
        cells = (
            f"[`{provider.name}`]({provider.name}.md)",
            provider.title,
            provider.headquarters,
            ", ".join(site.name for site in provider.sites),
            str(len(provider.models) or ""),
        )
        rows.append(f"| {' | '.join(cells)} |")
    intro = (
        "<!-- written by docs/write_tables.py out of adapters/*.toml -->\n# Providers\n\nA page a vendor: its sites and whom they serve, "
        "its models, what a request needs changed, what its errors mean, each with its source.\n\n"
    )
    found[PAGES / "README.md"] = intro + "\n".join(rows) + "\n"
    return found


def main() -> int:
    """Write, or with `--check` say what is out of date."""
    stale = 0
    wanted = documents()
    for path, text in wanted.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        print(path.relative_to(ROOT))
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in PAGES.glob("*.md"):
        if path not in wanted:
            stale += 1
            print(path.relative_to(ROOT), "is of no adapter")
            if "--check" not in sys.argv:
                path.unlink()
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
