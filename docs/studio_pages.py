"""Draw the pictures of docs/studio.md: train on the digits, open the studio, and photograph it."""

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright
from sklearn.datasets import load_digits

PICTURES = Path(__file__).parent / "studio"
SIZE = {"width": 1200, "height": 760}
MODELS = {"first": "ae(8)", "variational": "beta_vae(8, beta=0.2)", "noise": "dae(8)"}
COLOURS = 256
WAIT = 4000   # ms until a page has drawn everything


def main() -> None:
    """Train three runs and search in a folder that is removed, and write the pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        home = Path(made) / "digits"
        for name, model in MODELS.items():
            subprocess.run([sys.executable, "-m", "hourglass", "train", "digits", "--model", model,
                            "--backbone", "mlp(64)", "--epochs", "30", "--out",
                            home / "runs" / name], check=True)
        subprocess.run([sys.executable, "-m", "hourglass", "search", "digits", "--model",
                        "ae({2..32})", "--backbone", "{mlp(32)|mlp(64)|mlp(128)}", "--lr",
                        "{1e-4..1e-1}", "--epochs", "5", "--trials", "24", "--metric",
                        "mse,parameters", "--out", home / "studies/digits"], check=True)
        studio = subprocess.Popen(
            [sys.executable, "-m", "hourglass", "studio", home, "--port", "0", "--no-browser"],
            stdout=subprocess.PIPE, text=True)
        try:
            photograph(studio.stdout.readline().strip())
        finally:
            studio.terminate()
            studio.wait()


def photograph(url: str) -> None:
    """Write a picture of each page."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium",
                                         args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(60_000)
        page.goto(url)
        link = page.get_by_role("link", name="beta_vae").get_attribute("href")
        page.get_by_alt_text("Inputs").first.wait_for()
        keep(page, "runs")
        page.goto(url.partition("#")[0] + link)
        page.get_by_role("heading", name="Worst reconstructions").wait_for()
        keep(page, "run")
        page.evaluate("hash => { location.hash = hash }", f"{link}/latent")
        page.get_by_text("Decoded in the page.").wait_for()
        keep(page, "latent")
        compare(page)
        page.evaluate("hash => { location.hash = hash }", f"{link}/walks")
        page.get_by_alt_text("Step 1 of 10").wait_for()
        keep(page, "walks")
        page.evaluate("hash => { location.hash = hash }", f"{link}/use")
        page.locator("input[type=file]").first.set_input_files(digits_with_an_odd_one())
        page.get_by_role("button", name="Score").click()
        page.get_by_text("flagged").first.wait_for()
        keep(page, "use")
        page.evaluate("location.hash = '/train?data=digits'")
        page.get_by_role("button", name="beta_vae").click()
        page.get_by_label("Command").wait_for()
        page.get_by_text(re.compile(r"^\d+ layers$")).wait_for()
        keep(page, "train")
        page.evaluate("location.hash = '/search'")
        page.get_by_role("link", name="search on").click()
        page.get_by_role("heading", name="Parallel coordinates").wait_for()
        keep(page, "search")
        page.evaluate("hash => { location.hash = hash }", f"{link}/serve")
        page.get_by_role("button", name="Start a server").click()
        page.get_by_role("button", name="Stop the server").wait_for()
        page.get_by_text("ready at").wait_for()
        keep(page, "serve")
        page.get_by_role("button", name="Stop the server").click()
        page.get_by_role("button", name="Start a server").wait_for()
        browser.close()


def digits_with_an_odd_one() -> list[dict]:
    """Six digits as files, one of them turned upside down and inverted."""
    images = (load_digits().images[:6] / 16 * 255).astype(np.uint8)
    images[3] = 255 - images[3, ::-1]
    found = []
    for i, image in enumerate(images):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "png")
        found.append({"name": f"{i}.png", "mimeType": "image/png", "buffer": file.getvalue()})
    return found


def compare(page) -> None:
    """Photograph the latent spaces of all runs, with one sample marked."""
    page.evaluate("location.hash = '/'")
    found = [page.get_by_role("link", name=f"{model} on digits", exact=True).get_attribute("href")
             for model in MODELS.values()]
    keys = ",".join(each.rpartition("/")[2] for each in found)
    page.evaluate("hash => { location.hash = hash }", f"/compare?runs={keys}")
    page.get_by_label("Mark sample").select_option("7")
    for _ in range(2):   # pictures above come into sight, and move what is below
        page.wait_for_timeout(WAIT)
        page.get_by_role("heading", name="Latent spaces").evaluate(
            "heading => scrollTo(0, heading.getBoundingClientRect().top + scrollY - 80)")
    keep(page, "compare")


def keep(page, name: str) -> None:
    """Write a picture of what the page shows, with few colours, so that it is small."""
    page.wait_for_timeout(WAIT)
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    main()
