"""Pages of others in a real browser cannot use a server on this machine."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import stripes, train
from playwright.sync_api import sync_playwright

import hourglass as hg
from hourglass.serving.app import make_app
from hourglass.serving.server import Address, Draining, door_of, listen

CHROMIUM = Path("/usr/bin/chromium")
FORGED = """<!doctype html><title>evil</title>
<iframe name="sink"></iframe>
<form id="form" method="post" enctype="multipart/form-data" target="sink"
 action="http://127.0.0.1:PORT/v1/reconstruct"><input name="images" value="none"></form>
<form id="text" method="post" enctype="text/plain" target="sink"
 action="http://127.0.0.1:PORT/v1/generate"><input name='{"n": 200, "x' value='": 1}'></form>"""


@pytest.fixture(scope="module")
def browser():
    """A headless browser, to which evil.example is this machine."""
    if not CHROMIUM.is_file():
        pytest.skip(f"needs a browser: {CHROMIUM}")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=[
            "--no-sandbox", "--host-resolver-rules=MAP evil.example 127.0.0.1"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server on this machine without a token, and its port."""
    run = tmp_path_factory.mktemp("browser") / "run"
    train(stripes(), model="ae(2)", backbone="mlp", epochs=1, batch_size=16, quiet=True, out=run)
    with listen(Address(port=0)) as listening:
        app = make_app(hg.load(run), door=door_of(Address(), listening))
        server = Draining(app, app.state.desk.traffic, 5.0)
        server.capture_signals = contextlib.nullcontext   # which only the main thread may set
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        yield app.state.desk, listening.getsockname()[1]
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def page(browser):
    """A page, and the status of every answer that it was given."""
    context = browser.new_context()
    context.set_default_timeout(20_000)
    opened, statuses = context.new_page(), {}
    opened.on("response", lambda found: statuses.update(
        {(found.request.method, found.url.partition("/v1/")[2]): found.status}))
    yield opened, statuses
    context.close()


GENERATE = """fetch('/v1/generate', {method: 'POST', body: '{"n": 2}',
              headers: {'Content-Type': 'application/json'}}).then((found) => found.status)"""


def test_a_page_of_the_servers_own_origin_may_ask(served, page):
    (desk, port), (opened, _) = served, page
    opened.goto(f"http://127.0.0.1:{port}/health")
    before = desk.batcher.passes
    assert opened.evaluate(GENERATE) == 200 and desk.batcher.passes > before


def test_a_page_whose_name_comes_to_mean_this_machine_is_refused(served, page):
    """DNS rebinding: the page comes from another machine, then its name means this machine."""
    (desk, port), (opened, _) = served, page
    assert opened.goto(f"http://evil.example:{port}/health").status == 400
    assert opened.evaluate("location.host") == f"evil.example:{port}"   # as scripts there have it
    before = desk.batcher.passes
    assert opened.evaluate("fetch('/v1/model').then((found) => found.status)") == 400
    assert opened.evaluate("fetch('/health').then((found) => found.status)") == 400
    assert opened.evaluate(GENERATE) == 400
    assert desk.batcher.passes == before


@pytest.mark.parametrize("form, path", [("form", "reconstruct"), ("text", "generate")])
def test_a_form_that_another_page_forges_is_refused(form, path, served, page):
    (desk, port), (opened, statuses) = served, page

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(FORGED.replace("PORT", str(port)).encode())

        def log_message(self, *given: object) -> None:
            pass
    evil = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=evil.serve_forever, daemon=True).start()
    try:
        opened.goto(f"http://evil.example:{evil.server_port}/")
        before = desk.batcher.passes
        with opened.expect_response(f"**/v1/{path}"):
            opened.evaluate(f"document.getElementById('{form}').submit()")
        assert statuses["POST", path] == 403 and desk.batcher.passes == before
        blind = f"""fetch('http://127.0.0.1:{port}/v1/{path}', {{method: 'POST', mode: 'no-cors',
                    body: '{{"n": 200}}'}}).then(() => 'sent')"""
        assert opened.evaluate(blind) == "sent"
        assert statuses["POST", path] == 403 and desk.batcher.passes == before
    finally:
        evil.shutdown()
