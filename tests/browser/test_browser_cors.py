"""What a web page of another origin may do, and that it could not without each CORS field

Between Chromium and the server, fields or members of their lists are left out of the answers. What
a client needs is then missing, and its upload must fail; the same upload with all of them arrives.
Leaving out what the server does not send is an error of the test. POST and HEAD need no permission:
browsers let every page send them.
"""

import contextlib
import copy
import re
import time

import pytest

import browser as chromium
import conversation
import proxy as line
import voyage

if conversation.SLOW:
    pytest.skip("browsers are tried with the plain build", allow_module_level=True)

ORIGIN = "Access-Control-Allow-Origin"
METHODS = "Access-Control-Allow-Methods"
HEADERS = "Access-Control-Allow-Headers"
EXPOSED = "Access-Control-Expose-Headers"
DEFAULT_MAX_AGE_S = 5  # the Fetch standard: of a preflight whose answer has no Access-Control-Max-Age

VERSION = "Tus-Resumable: 1.0.0"
BLOCKED = "ProgressEvent|network error|Failed to fetch"  # all that a page learns


def anywhere(method, status):
    return True


def preflights(method, status):
    return method == "OPTIONS"


def answers(method, status):
    return method != "OPTIONS"


def errors(method, status):
    return status >= 400


def everything(method, status, fields):
    return fields


class Without:
    """Leaves a field out, or a member of its list, of the answers that `where` is true for."""

    def __init__(self, field, member=None, where=anywhere, then=everything):
        self.field, self.member, self.where, self.then = field, member, where, then
        self.left_out = False

    def __call__(self, method, status, fields):
        if self.where(method, status):
            fields = [kept for field in fields for kept in self._kept(*field)]
        return self.then(method, status, fields)

    def _kept(self, name, value):
        if name.lower() != self.field.lower():
            return [(name, value)]
        if self.member is None:
            self.left_out = True
            return []
        members = re.split(r",\s*", value)
        kept = [member for member in members if member.lower() != self.member.lower()]
        self.left_out |= kept != members
        return [(name, ", ".join(kept))]

    def __repr__(self):
        return "-".join(filter(None, [self.field, self.member, self.where.__name__]))


@pytest.fixture(scope="module")
def tab(browser):
    """One for all tests: another costs half a second."""
    page = chromium.Page(browser, "about:blank")
    yield page
    page.close()


@pytest.fixture
def open_page(browser, site, tab):
    return lambda kind, endpoint: kind(browser, site, endpoint, instead_of=tab)


@pytest.fixture(scope="module")
def connect():
    """Makes lines to servers, open till the end: no two have the same port, which a tab would remember."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(line.Proxy(*arguments))


@pytest.fixture
def through(connect, module_ferryd):
    """Makes lines to the server that leave something out, which there must be."""
    edits = []

    def make(edit=everything):
        edits.append(copy.copy(edit))  # a table's is for many tests
        return connect(module_ferryd.url, edits[-1])

    yield make
    for edit in edits:
        assert edit in (everything, told) or edit.left_out, f"the server does not send {edit}"


def create(server, *fields):
    """The path of an upload whose bytes are still to come."""
    with server.line() as connection:
        connection.send(conversation.request("POST", "/files/", VERSION, *fields, close=True))
        return connection.expect(201).field("Location")


def attempt(page, file, **options):
    """(URL or None, error or None) of an upload that is tried once."""
    page.set(retryDelays=[], **options)
    page.choose(file.path)
    page.start()
    return page.wait_for_end()


def check_arrived(server, file, outcome):
    url, error = outcome
    assert error is None
    assert voyage.digest_of(server.file_of(url)) == file.digest


def check_failed(outcome, why=BLOCKED):
    url, error = outcome
    assert url is None
    assert re.search(why, error), error


# --- uploads from their beginning ---

both = pytest.mark.parametrize("kind", [chromium.TusPage, chromium.UppyPage])

NEEDED = [
    (Without(ORIGIN), BLOCKED),
    (Without(ORIGIN, where=preflights), BLOCKED),
    (Without(ORIGIN, where=answers), BLOCKED),
    (Without(METHODS), BLOCKED),
    (Without(METHODS, "PATCH"), BLOCKED),
    (Without(HEADERS), BLOCKED),
    (Without(HEADERS, "Tus-Resumable"), BLOCKED),
    (Without(HEADERS, "Upload-Length"), BLOCKED),
    (Without(HEADERS, "Upload-Metadata"), BLOCKED),
    (Without(HEADERS, "Upload-Offset"), BLOCKED),
    (Without(HEADERS, "Content-Type"), BLOCKED),
    (Without(EXPOSED), "missing Location"),
    (Without(EXPOSED, "Location"), "missing Location"),
    (Without(EXPOSED, "Upload-Offset"), "missing offset"),
]


@both
def test_an_upload_arrives_when_nothing_is_left_out(open_page, through, module_ferryd, small, kind):
    check_arrived(module_ferryd, small, attempt(open_page(kind, through().url), small))


@both
@pytest.mark.parametrize("edit, why", NEEDED, ids=[repr(edit) for edit, _ in NEEDED])
def test_an_upload_fails_without(open_page, through, small, kind, edit, why):
    check_failed(attempt(open_page(kind, through(edit).url), small), why)


# --- uploads that go on ---


def resume(open_page, proxy, server, kind, file, url=None):
    path = url or create(server, f"Upload-Length: {file.size}")
    return attempt(open_page(kind, proxy.url), file, uploadUrl=proxy.url.removesuffix("/files/") + path)


@both
def test_an_upload_goes_on_when_nothing_is_left_out(open_page, through, module_ferryd, small, kind):
    check_arrived(module_ferryd, small, resume(open_page, through(), module_ferryd, kind, small))


@both
@pytest.mark.parametrize("field, why", [("Upload-Offset", "missing offset"), ("Upload-Length", "missing length")])
def test_an_upload_does_not_go_on_without(open_page, through, module_ferryd, small, kind, field, why):
    proxy = through(Without(EXPOSED, field))
    check_failed(resume(open_page, proxy, module_ferryd, kind, small), why)


NOBODYS = "/files/" + 32 * "0"


@both
def test_a_lost_upload_begins_again(open_page, through, module_ferryd, small, kind):
    """The client must be able to see the 404."""
    check_arrived(module_ferryd, small, resume(open_page, through(), module_ferryd, kind, small, NOBODYS))


@both
def test_a_lost_upload_cannot_begin_again_when_errors_are_not_for_pages(open_page, through, module_ferryd, small, kind):
    proxy = through(Without(ORIGIN, where=errors))
    check_failed(resume(open_page, proxy, module_ferryd, kind, small, NOBODYS))


# --- cancelling ---


def cancel(open_page, proxy, file):
    page = open_page(chromium.TusPage, proxy.url)
    proxy.script = [(file.size // 2, "stall")]
    page.set(retryDelays=[])
    page.choose(file.path)
    page.start()
    assert proxy.stalled.wait(chromium.PAGE_PATIENCE)
    page.cancel()
    return page.wait("state.cancelled")


def test_an_upload_is_cancelled_when_nothing_is_left_out(open_page, through, small):
    assert cancel(open_page, through(), small) == "cancelled"


def test_an_upload_is_not_cancelled_without_its_method(open_page, through, small):
    assert re.search(BLOCKED, cancel(open_page, through(Without(METHODS, "DELETE")), small))


# --- options of tus-js-client that send more ---

OPTIONS = {
    "X-Request-ID": {"addRequestId": True},
    "X-HTTP-Method-Override": {"overridePatchMethod": True},
    "Upload-Defer-Length": {"uploadLengthDeferred": True, "stream": True, "chunkSize": 65536},
    "Authorization": {"headers": {"Authorization": "Bearer of good news"}},
    "X-Requested-With": {"headers": {"X-Requested-With": "XMLHttpRequest"}},
}


@pytest.mark.parametrize("field", OPTIONS)
def test_an_upload_with_an_option_arrives(open_page, through, module_ferryd, small, field):
    proxy = through()
    check_arrived(module_ferryd, small, attempt(open_page(chromium.TusPage, proxy.url), small, **OPTIONS[field]))
    assert any(field.lower() in request.fields for request in proxy.requests)


@pytest.mark.parametrize("field", OPTIONS)
def test_an_upload_with_an_option_fails_without(open_page, through, small, field):
    proxy = through(Without(HEADERS, field))
    check_failed(attempt(open_page(chromium.TusPage, proxy.url), small, **OPTIONS[field]))


def test_uppy_overrides_the_method_too(open_page, through, module_ferryd, small):
    proxy = through()
    page = open_page(chromium.UppyPage, proxy.url)
    check_arrived(module_ferryd, small, attempt(page, small, overridePatchMethod=True, addRequestId=True))
    assert "PATCH" not in [request.method for request in proxy.requests]


# --- whatever a page may send and read, whether those clients do or not ---

SENT = ["Authorization", "Content-Digest", "Content-Disposition", "Content-Type", "Idempotency-Key", "If-Match",
        "If-None-Match", "If-Range", "Incremental", "Last-Event-ID", "Range", "Repr-Digest", "Tus-Resumable", "Upload-Checksum",
        "Upload-Complete", "Upload-Concat", "Upload-Defer-Length", "Upload-Draft-Interop-Version", "Upload-Incomplete",
        "Upload-Length", "Upload-Metadata", "Upload-Offset", "Want-Content-Digest", "Want-Repr-Digest",
        "X-HTTP-Method-Override", "X-Request-ID", "X-Requested-With"]
SENT_BY_BROWSERS = ["Origin"]  # no script can
READ = ["Accept-Ranges", "Content-Digest", "Content-Disposition", "Content-Range", "ETag", "Ferry-Digest", "Location",
        "Repr-Digest", "Retry-After", "Tus-Checksum-Algorithm", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable",
        "Tus-Version", "Upload-Complete", "Upload-Concat", "Upload-Defer-Length", "Upload-Draft-Interop-Version",
        "Upload-Expires", "Upload-Incomplete", "Upload-Length", "Upload-Limit", "Upload-Metadata", "Upload-Offset",
        "X-Request-ID"]
DONE = ["DELETE", "OPTIONS", "PATCH", "PUT"]
DONE_BY_EVERY_PAGE = ["GET", "HEAD", "POST"]


def test_the_tables_have_what_the_server_allows(module_ferryd):
    with module_ferryd.line() as connection:
        connection.send(conversation.request("OPTIONS", "/files/", "Origin: https://app.example",
                                             "Access-Control-Request-Method: PATCH", close=True))
        answer = connection.expect(200)
    for field, names in (HEADERS, SENT + SENT_BY_BROWSERS), (EXPOSED, READ), (METHODS, DONE + DONE_BY_EVERY_PAGE):
        assert answer.field(field).split(", ") == sorted(names, key=str.lower)


@pytest.fixture
def blank(open_page, through):
    """A page that has loaded nothing but itself."""
    return open_page(chromium.TusPage, through().url)


def test_a_page_may_send_every_field(blank, through):
    for field in SENT:
        assert blank.fetch(through().url, "POST", {field: "application/x"}), field


def test_a_page_may_send_no_field_that_is_not_allowed(blank, through):
    for field in SENT:
        with pytest.raises(chromium.PageFailed, match=BLOCKED):
            blank.fetch(through(Without(HEADERS, field)).url, "POST", {field: "application/x"})


def test_a_page_may_use_every_method(blank, through):
    for method in DONE:
        assert blank.fetch(through().url, method), method


def test_a_page_may_use_no_method_that_is_not_allowed(blank, through):
    for method in DONE:
        with pytest.raises(chromium.PageFailed, match=BLOCKED):
            blank.fetch(through(Without(METHODS, method)).url, method)


def told(method, status, fields):
    """Every field of the table, whatever the answer is."""
    there = {name.lower() for name, _ in fields}
    return fields + [(name, "told") for name in READ if name.lower() not in there]


def read(page, proxy):
    """Of these fields, those that the page can read."""
    _, *values = page.fetch(proxy.url, "HEAD", (), READ)
    return {name for name, value in zip(READ, values) if value is not None}


def test_a_page_reads_every_field(blank, through):
    assert read(blank, through(told)) == set(READ)


def test_a_page_reads_no_field_that_is_not_exposed(blank, through):
    for field in READ:
        assert read(blank, through(Without(EXPOSED, field, then=told))) == set(READ) - {field}


def test_a_preflight_is_asked_for_again_without_its_age(blank, through):
    """A browser that asks twice and thrice is no failure, but each question costs a round trip."""
    lines = {"with": through(), "without": through(Without("Access-Control-Max-Age"))}

    def ask_all():
        for proxy in lines.values():
            blank.fetch(proxy.url, "HEAD", {"Tus-Resumable": "1.0.0"})

    ask_all()
    time.sleep(DEFAULT_MAX_AGE_S + 0.1)  # for an age to end, not for a state
    ask_all()
    asked = {name: [request.method for request in proxy.requests].count("OPTIONS") for name, proxy in lines.items()}
    assert asked == {"with": 1, "without": 2}


# --- one origin ---


@pytest.fixture
def strict(start_ferryd, connect):
    """Makes lines to servers for the pages of one origin."""
    return lambda origin: connect(start_ferryd("--cors-origin", origin).url)


@both
def test_pages_of_the_one_origin_upload(open_page, strict, site, small, kind):
    url, error = attempt(open_page(kind, strict(site.origin).url), small)
    assert (bool(url), error) == (True, None)


@both
def test_pages_of_others_do_not(open_page, strict, small, kind):
    proxy = strict("https://app.example")
    check_failed(attempt(open_page(kind, proxy.url), small))
    assert [request.method for request in proxy.requests] == ["OPTIONS"]
