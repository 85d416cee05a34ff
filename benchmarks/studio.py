"""What the studio costs: its start, its first paint, its size, long lists, and a million points.

    .venv/bin/python benchmarks/studio.py [--points 1000000] [--runs 1000]

Needs Chromium at /usr/bin/chromium. The points are sent to the page in place of those of a run, and
are panned by the mouse; a frame counts once the browser asks for the next one. The wheel is built
without a network, by the setuptools that is installed.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, Route, sync_playwright

import hourglass as hg
from hourglass.studio.app import STATIC

ROOT = Path(__file__).parent.parent
TOKEN = "a-token-of-the-benchmark"
PANS = 4.0   # seconds


def main() -> None:
    """Measure all, and print a line for each figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1000)
    given = parser.parse_args()
    sizes()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        x = np.random.default_rng(0).random((200, 8, 8), np.float32)
        hg.train(x, model="ae(2)", backbone="mlp(8)", epochs=2, test=100, quiet=True,
                 out=home / "runs/1")
        shutil.rmtree(home / "runs/1/detectors", ignore_errors=True)
        started(home)
        process, url = start(home)
        try:
            with sync_playwright() as driver:
                in_browser(driver, url, home, given.points, given.runs, process)
        finally:
            process.terminate()
            process.wait()


def start(home: Path) -> tuple[subprocess.Popen[str], str]:
    """Start the studio; its process and address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hourglass", "studio", str(home), "--port", "0", "--no-browser"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=home,
        env={**os.environ, "HOURGLASS_TOKEN": TOKEN})
    return process, process.stdout.readline().strip()


def started(home: Path) -> None:
    """Print how long the command takes until it prints its address: the least of five."""
    walls, works = [], []
    for _ in range(5):
        begun = time.monotonic()
        process, _ = start(home)
        walls.append(time.monotonic() - begun)
        works.append(worked(process))
        process.kill()
        process.wait()
    print(f"start: {min(walls):.2f} s, {min(works):.2f} s of a processor")


def worked(process: subprocess.Popen[str]) -> float:
    """Seconds of a processor that a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sizes() -> None:
    """Print the size of the page's files, and of the wheel with and without them."""
    for kind in (".js", ".css"):
        content = b"".join(path.read_bytes() for path in sorted(STATIC.rglob(f"*{kind}")))
        print(f"bundle {kind}: {len(content) / 1e3:.1f} kB, gzipped "
              f"{len(gzip.compress(content)) / 1e3:.1f} kB")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(
            ".git", "node_modules", ".venv*", "build", "site", "runs", "*.egg-info", "tests"))
        subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
                        "--no-build-isolation", "--no-index", "-w", folder, str(source)],
                       check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as file:
            static = sum(each.compress_size for each in file.infolist()
                         if "studio/static/" in each.filename)
        whole = wheel.stat().st_size
    print(f"wheel: {whole / 1e6:.2f} MB, {(whole - static) / 1e6:.2f} MB without the page's files")


def in_browser(driver, url: str, home: Path, points: int, runs: int, studio) -> None:
    """Print what a browser tells: first paint, a long list, and a pan through many points."""
    browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(url)
    page.get_by_role("heading", name="Runs").wait_for()
    paints = []
    for _ in range(5):
        page.reload()
        page.get_by_role("heading", name="Runs").wait_for()
        paints.append(page.evaluate("performance.getEntriesByType('paint')"
                                    ".find(e => e.name === 'first-contentful-paint').startTime"))
    print(f"first paint: {min(paints) / 1e3:.2f} s (of five: {max(paints) / 1e3:.2f} s at most)")
    key = page.get_by_role("link", name="ae(2) on").get_attribute("href").rpartition("/")[2]
    panned(page, key, points)
    for number in range(2, runs + 1):
        new = home / "runs" / str(number)
        new.mkdir()
        for name in ("settings.toml", "run.json", "history.csv"):
            os.link(home / "runs/1" / name, new / name)
    for word in ("first", "second"):
        page.goto("about:blank")
        begun, before = time.monotonic(), worked(studio)
        page.goto(url)
        page.get_by_text(f"{runs:,}", exact=True).wait_for()
        took = time.monotonic() - begun
        page.wait_for_timeout(1000)   # what the page asks for besides counts as well
        print(f"{runs:,} runs listed: {took:.2f} s, the {word} time; the studio's work: "
              f"{worked(studio) - before:.2f} s of a processor")
    browser.close()


def panned(page: Page, key: str, count: int) -> None:
    """Print the frames a second while so many points are panned by the mouse."""
    def answer(route: Route) -> None:
        route.fulfill(body=latent_of(count), content_type="application/octet-stream")
    page.route(f"**/api/runs/{key}/latent", answer)
    page.evaluate("hash => { location.hash = hash }", f"/runs/{key}/latent")
    canvas = page.get_by_role("application")
    canvas.wait_for(timeout=120_000)
    page.wait_for_timeout(5000)
    box = canvas.bounding_box()
    page.evaluate("""() => { window.frames_ = 0;
        const next = () => { window.frames_ += 1; requestAnimationFrame(next); };
        requestAnimationFrame(next); }""")
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    begun, before, step = time.monotonic(), page.evaluate("window.frames_"), 0
    while time.monotonic() - begun < PANS:
        step += 1
        page.mouse.move(box["x"] + 200 + step % 200, box["y"] + 200 + step % 90)
    rate = (page.evaluate("window.frames_") - before) / (time.monotonic() - begun)
    told = page.locator(".moves").inner_text() or "all are drawn"
    page.mouse.up()
    renderer = page.evaluate("""() => { const gl = document.createElement('canvas')
        .getContext('webgl2'); if (!gl) return 'a plain canvas';
        const known = gl.getExtension('WEBGL_debug_renderer_info');
        return known ? gl.getParameter(known.UNMASKED_RENDERER_WEBGL) : 'WebGL'; }""")
    print(f"{count:,} points panned: {rate:.1f} frames a second ({told}), by "
          f"{renderer}")
    page.unroute_all()


def latent_of(count: int) -> bytes:
    """So many points, in the bytes that the studio sends."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, count)
    places = (rng.normal(size=(count, 2)) + 3 * np.stack([np.cos(labels), np.sin(labels)], 1))
    about = {"count": count, "samples": "", "split": "test", "total": count,
             "axes": ["dimension 1", "dimension 2"], "code": [2], "names": None,
             "classes": [{"name": str(k), "colour": f"#{40 + 20 * k:02x}8060"} for k in range(10)],
             "image": False, "shape": [1, 8, 8], "origin": [0, 0], "middle": [0, 0],
             "plane": [[1, 0], [0, 1]], "directions": [[1, 0], [0, 1]],
             "sliders": [{"name": f"dimension {n}", "low": -3, "high": 3} for n in (1, 2)],
             "about": ""}
    text = json.dumps(about).encode()
    text += b" " * (-(len(text) + 4) % 4)
    return b"".join([len(text).to_bytes(4, "little"), text, places.astype("<f4").tobytes(),
                     rng.random(count).astype("<f4").tobytes(),
                     np.arange(count, dtype="<i4").tobytes(), labels.astype("<u2").tobytes()])


if __name__ == "__main__":
    main()
