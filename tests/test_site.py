"""The site builds without a warning, and can be read and searched without a network."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", folder],
                   cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    return folder


def test_the_site_has_every_page_and_the_python_reference(site):
    pages = {page.relative_to(site).with_suffix("").as_posix() for page in site.rglob("*.html")}
    books = [book.stem for book in (ROOT / "docs" / "tutorials").glob("*.ipynb")]
    assert pages >= {"index", "concepts", "how-to/data", "reference/api", "limits", "pitfalls",
                     *(f"tutorials/{name}" for name in books)}
    reference = (site / "reference" / "api.html").read_text()
    assert "encode" in reference and "AutoencoderTransformer" in reference


@pytest.mark.skipif(not CHROMIUM.exists(), reason="needs chromium, for the search in a page")
def test_it_is_read_and_searched_from_a_disk_without_a_network(site):
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page, asked, errors = browser.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((site / "how-to" / "train.html").as_uri())
        page.locator("input.md-search__input").focus()
        page.keyboard.type("free bits", delay=50)
        found = page.locator(".md-search-result__item a").first
        found.wait_for(state="attached", timeout=60_000)
        assert "kl.html" in found.get_attribute("href")
        browser.close()
    assert asked and all(url.startswith(("file:", "data:", "about:")) for url in asked)
    assert not errors
