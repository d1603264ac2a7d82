def openai_patched() -> bool:
    return False


def httpx_patched() -> bool:
    return False
