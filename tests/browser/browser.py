"""A browser, and the two pages that people upload with

The pages lie on an origin of their own: another port than the server's. What a person does with
them are methods of the same names: choose a file, start, pause, resume, cancel.
"""

import functools
import http.server
import json
import pathlib
import select
import subprocess
import threading

import conversation
import readme

FOLDER = pathlib.Path(__file__).resolve().parent
CHROMIUM_PATIENCE = 60  # a cold start on a busy machine
PAGE_PATIENCE = 50      # less, so that it is told what was waited for


class PageFailed(AssertionError):
    pass


class Browser:
    def __init__(self, folder):
        assert (FOLDER / "node_modules/puppeteer-core").is_dir(), "tools/test installs puppeteer-core"
        assert pathlib.Path("/usr/bin/chromium").exists(), "tools/test installs chromium"
        self.driver = subprocess.Popen(
            ["node", FOLDER / "browser.mjs", folder / "profile"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, preexec_fn=conversation.die_with_parent)

    def do(self, page, action, *values):
        line = json.dumps({"page": page, "action": action, "with": values})
        self.driver.stdin.write(line.encode() + b"\n")
        self.driver.stdin.flush()
        assert select.select([self.driver.stdout], [], [], CHROMIUM_PATIENCE)[0], f"no answer to {line}"
        answer = json.loads(self.driver.stdout.readline() or '{"error": "the browser is gone"}')
        if "error" in answer:
            raise PageFailed(f"{line}: {answer['error']}")
        return answer["result"]

    def close(self):
        self.driver.stdin.close()
        try:
            self.driver.wait(conversation.PATIENCE)
        finally:
            self.driver.kill()
            self.driver.wait()


class Site:
    """A web server with the pages that tests put there, beside what npm has installed."""

    def __init__(self, folder):
        self.folder = folder
        self.pages = 0
        (folder / "node_modules").symlink_to(FOLDER / "node_modules")
        handler = functools.partial(Quiet, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def put(self, text):
        """The URL of a new page."""
        self.pages += 1
        name = f"page-{self.pages}.html"
        (self.folder / name).write_text(text)
        return f"{self.origin}/{name}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Page:
    """In a tab of its own, unless it is to take the place of another page."""

    def __init__(self, browser, url, instead_of=None):
        self.browser = browser
        self.number = browser.do(instead_of.number if instead_of else None, "open", url)

    def do(self, action, *values):
        return self.browser.do(self.number, action, *values)

    def evaluate(self, expression):
        return self.do("evaluate", expression)

    def wait(self, expression):
        """Until it is true; its value."""
        return self.do("wait", expression, PAGE_PATIENCE * 1000)

    def reload(self):
        self.do("reload")

    def close(self):
        self.do("close")

    def fetch(self, url, method="GET", fields=(), read=()):
        """What a page can read of an answer: its status, and the values of these fields."""
        return self.evaluate(f"""fetch({json.dumps(url)}, {{
            method: {json.dumps(method)}, headers: {json.dumps(dict(fields))}
        }}).then(({{ status, headers }}) => [status, ...{json.dumps(read)}.map((name) => headers.get(name))])""")


class TusPage(Page):
    """tests/browser/tus.html"""

    def __init__(self, browser, site, endpoint, instead_of=None):
        text = (FOLDER / "tus.html").read_text()
        super().__init__(browser, site.put(text.replace("ENDPOINT", endpoint)), instead_of)

    def set(self, **options):
        self.evaluate(f"void Object.assign(options, {json.dumps(options)})")

    def choose(self, file):
        self.do("choose", "input", str(file))
        self.wait("state.chosen")

    def start(self):
        self.do("click", "#start")

    resume = start

    def pause(self):
        self.do("click", "#pause")

    def cancel(self):
        self.do("click", "#cancel")

    def sent(self):
        return self.evaluate("state.sent")

    def wait_for_progress(self):
        return self.wait("state.sent")

    def wait_for_end(self):
        """(URL or None, error or None)"""
        return self.wait("state.ended && [state.url, state.error]")


class UppyPage(Page):
    """The page of the README, with its dashboard."""

    def __init__(self, browser, site, endpoint, instead_of=None):
        (text,) = [code for language, code in readme.section("Uploading in a browser") if language == "html"]
        super().__init__(browser, site.put(readme.localized(text, endpoint)), instead_of)

    def set(self, **options):
        self.evaluate(f"uppy.getPlugin('Tus').setOptions({json.dumps(options)})")

    def choose(self, file):
        self.do("choose", ".uppy-Dashboard-input", str(file))
        self.wait("uppy.getFiles().length")

    def start(self):
        self.do("click", ".uppy-StatusBar-actionBtn--upload")

    def resume(self):
        self.do("click", ".uppy-StatusBar-actionCircleBtn[title=Resume]")

    def pause(self):
        self.do("click", ".uppy-StatusBar-actionCircleBtn[title=Pause]")

    def cancel(self):
        self.do("click", ".uppy-StatusBar-actionCircleBtn[title=Cancel]")

    def sent(self):
        return self.evaluate("uppy.getFiles()[0].progress.bytesUploaded")

    def wait_for_progress(self):
        return self.wait("uppy.getFiles()[0].progress.bytesUploaded")

    def wait_for_end(self):
        """(URL or None, error or None)"""
        return self.wait("""uppy.getFiles().filter(({ error, progress }) => error || progress.uploadComplete)
            .map(({ error, uploadURL }) => [error ? null : uploadURL, error ?? null])[0]""")
