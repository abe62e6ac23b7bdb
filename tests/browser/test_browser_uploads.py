"""People upload with web pages, in Chromium

By Uppy's dashboard, as the README has it, and by tus-js-client. The page comes from another origin
than the server's. What stops an upload in the middle is that nothing passes any more behind a
certain byte; the person then pauses, reloads or cancels.
"""

import pytest

import browser as chromium
import conversation
import proxy as line
import voyage
from voyage import MIB

if conversation.SLOW:
    pytest.skip("browsers are tried with the plain build", allow_module_level=True)

STOP = 5 * MIB + 17
BUFFERS = MIB // 2  # between a socket and the disk; what it holds may be lost when an upload is taken over


@pytest.fixture
def proxy(ferryd):
    with line.Proxy(ferryd.url) as proxy:
        yield proxy


@pytest.fixture(params=[chromium.TusPage, chromium.UppyPage])
def page(request, open_page, proxy):
    return open_page(request.param, proxy.url)


def check_stored(ferryd, file, url):
    assert ferryd.head(url).field("Upload-Offset") == str(file.size)
    assert voyage.digest_of(ferryd.file_of(url)) == file.digest
    assert [path.name for path in ferryd.data.glob("files/??/*")] == [url.rpartition("/")[2]]


def finish(page, ferryd, file):
    url, error = page.wait_for_end()
    assert error is None
    check_stored(ferryd, file, url)


def stop_in_the_middle(page, proxy, file):
    proxy.script = [(STOP, "stall")]
    page.choose(file.path)
    page.start()
    assert proxy.stalled.wait(chromium.PAGE_PATIENCE)
    proxy.wait_until_taken()
    assert 0 < page.wait_for_progress() < file.size


def check_gone_on(proxy, file):
    """The upload went on where it had stopped: nothing that the server had was sent again."""
    methods = [request.method for request in proxy.requests if request.method != "OPTIONS"]
    assert methods == ["POST", "PATCH", "HEAD", "PATCH"]
    last = proxy.requests[-1]
    assert STOP - BUFFERS <= last.offset <= STOP
    assert last.taken == file.size - last.offset


def test_an_upload_arrives(page, ferryd, proxy, file):
    page.choose(file.path)
    page.start()
    finish(page, ferryd, file)
    assert page.sent() == file.size


def test_an_upload_in_parts_is_joined(open_page, ferryd, proxy, file):
    """Four at the same time; what the page is told of in the end is the whole, under the name of the file."""
    page = open_page(chromium.TusPage, proxy.url)
    page.set(parallelUploads=4)
    page.choose(file.path)
    page.start()
    url, error = page.wait_for_end()
    assert error is None
    answer = ferryd.head(url)
    assert answer.field("Upload-Offset") == str(file.size)
    assert answer.field("Upload-Metadata").startswith("filename ")
    with ferryd.line() as connection:
        connection.send(conversation.request("GET", ferryd.path_of(url), close=True))
        assert connection.expect(200).body == file.path.read_bytes()
    assert len(list(ferryd.data.glob("files/??/*"))) == 4


def test_a_paused_upload_goes_on(page, ferryd, proxy, file):
    stop_in_the_middle(page, proxy, file)
    page.pause()
    page.resume()
    finish(page, ferryd, file)
    check_gone_on(proxy, file)


def test_an_upload_goes_on_when_the_page_is_loaded_again(page, ferryd, proxy, file):
    stop_in_the_middle(page, proxy, file)
    page.reload()
    page.choose(file.path)
    page.start()
    finish(page, ferryd, file)
    check_gone_on(proxy, file)


def test_a_cancelled_upload_is_gone(page, ferryd, proxy, file):
    stop_in_the_middle(page, proxy, file)
    (name,) = [path.name for path in ferryd.data.glob("files/??/*")]
    page.cancel()
    removal = conversation.eventually("DELETE", lambda: [request for request in proxy.requests
                                                         if request.method == "DELETE"])
    assert len(removal) == 1

    def gone():
        with ferryd.line() as connection:
            connection.send(conversation.request("HEAD", f"/files/{name}", "Tus-Resumable: 1.0.0", close=True))
            return connection.next_answer(method="HEAD").status in (404, 410)

    conversation.eventually("the upload is gone", gone)
    conversation.eventually("its bytes are gone", lambda: not list(ferryd.data.glob("files/??/*")))
    page.wait("localStorage.length === 0")
