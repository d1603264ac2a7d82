"""HTML that comes where JSON should: a network's log-in page, and the page of a CDN that blocks."""

from __future__ import annotations

from llmswitch.sandbox.wire import Reply

BLOCKED = 403

_PORTAL = """<!DOCTYPE html>
<html><head><title>Welcome - please sign in</title></head>
<body><h1>Guest network</h1><form action="/login"><input name="user"><button>Sign in</button></form></body></html>
"""
_BLOCKED = """<!DOCTYPE html>
<html class="no-js" lang="en-US"><head><title>Attention Required! | Cloudflare</title></head>
<body><h1>Sorry, you have been blocked</h1><h2>You are unable to access this site</h2>
<h2>Why have I been blocked?</h2><p>This website is using a security service to protect itself from online attacks.</p>
<p>Cloudflare Ray ID: <strong>0000000000000000</strong></p></body></html>
"""


def portal(status: int) -> Reply:
    """Return a captive portal's page."""
    return Reply(status, _PORTAL.encode(), content_type="text/html; charset=utf-8")


def blocked() -> Reply:
    """Return Cloudflare's block page."""
    headers = {"Server": "cloudflare", "CF-RAY": "0000000000000000-HKG", "Cache-Control": "max-age=15"}
    return Reply(BLOCKED, _BLOCKED.encode(), headers, "text/html; charset=UTF-8")
