"""How a web page of another origin watches an upload: with EventSource, which is all that it needs"""

import json

import pytest

import browser as chromium
import conversation
import proxy
from conversation import request

VERSION = "Tus-Resumable: 1.0.0"

if conversation.SLOW:
    pytest.skip("browsers are tried with the plain build", allow_module_level=True)


@pytest.fixture
def url(module_ferryd):
    """Of the endpoint, as the browser reaches it."""
    with proxy.Proxy(module_ferryd.url) as line:
        yield line.url


def ask(ferryd, method, target, *fields, status, body=None):
    with conversation.Line(ferryd.url) as line:
        line.send(request(method, target, VERSION, *fields, body=body, close=True))
        return line.expect(status)


def append(ferryd, path, offset, content):
    ask(ferryd, "PATCH", path, f"Upload-Offset: {offset}", "Content-Type: application/offset+octet-stream",
        status=204, body=content)


def test_a_page_watches_to_the_end_and_does_not_come_back(open_page, module_ferryd, url):
    """What it sees, it sees once: a browser comes back to every stream that has ended, but for 204."""
    path = ask(module_ferryd, "POST", "/files/", "Upload-Length: 6", status=201).field("Location")
    page = open_page(chromium.TusPage, url)
    page.evaluate(f"""void (() => {{
        window.seen = []
        window.source = new EventSource({json.dumps(url.removesuffix("/files/") + path)})
        for (const kind of ['progress', 'stalled', 'resumed', 'complete', 'reset'])
            source.addEventListener(kind, ({{ data }}) => seen.push([kind, JSON.parse(data).offset]))
    }})()""")
    page.wait("seen.length")
    append(module_ferryd, path, 0, b"abc")
    page.wait("seen.some(([kind, offset]) => offset === 3)")
    append(module_ferryd, path, 3, b"def")
    page.wait("seen.some(([kind]) => kind === 'complete')")
    page.wait("source.readyState === EventSource.CLOSED")
    ends = [kind for kind, _ in page.evaluate("seen") if kind in ("complete", "reset")]
    assert ends[0] == "complete" and set(ends) == {"complete"}


def test_a_page_does_not_come_back_to_what_is_not_there(open_page, url):
    page = open_page(chromium.TusPage, url)
    page.evaluate(f"void (window.source = new EventSource({json.dumps(url + 32 * '0')}))")
    page.wait("source.readyState === EventSource.CLOSED")
