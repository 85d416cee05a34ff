"""Random requests to every address of the studio: none breaks it, and answers keep the schema."""

from pathlib import Path

import numpy as np
import schemathesis
from schemathesis import engine
from schemathesis.engine import events

import hourglass as hg
from hourglass.serving.listening import LOCAL
from hourglass.studio.app import make_studio
from hourglass.studio.catalogue import Catalogue
from hourglass.studio.jobs import Jobs
from hourglass.studio.roots import make_roots

TOKEN = "a-token-of-the-tests"
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance",
          "response_schema_conformance")


def with_token(home: Path):
    """The application of a studio, whose every request is that of its own page."""
    app = make_studio(make_roots(home), TOKEN, LOCAL)

    async def own(scope, receive, send):
        own_headers = [(b"host", b"127.0.0.1:8008"), (b"authorization", f"Bearer {TOKEN}".encode())]
        if scope["type"] == "http":
            scope = {**scope, "headers": own_headers + [
                pair for pair in scope["headers"] if pair[0] not in dict(own_headers)]}
        await app(scope, receive, send)
    return own


def problems_of(home: Path, wanted: dict[str, str], key: str = ""
                ) -> tuple[list[tuple[str, ...]], set[str], set[str]]:
    """What is wrong with the answers to random requests, the operations that were asked for, and
    those that answered with 200. With a `key`, they are about that run."""
    config = schemathesis.Config(seed=0)
    project = config.projects.default
    project.generation.update(max_examples=4)
    project.checks.update(included_check_names=list(CHECKS))
    project.phases.stateful.enabled = project.phases.coverage.enabled = False
    if key:
        project.parameters.update({"path.key": key})
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", with_token(home), config=config)
    failed, asked, answered = [], set(), set()
    for event in engine.from_schema(schema.include(**wanted).exclude(path="/api/events")).execute():
        assert not isinstance(event, events.FatalError | events.NonFatalError), event
        if isinstance(event, events.ScenarioFinished):
            asked.add(event.recorder.label)
            answered |= {event.recorder.label for each in event.recorder.interactions.values()
                         if each.response and each.response.status_code == 200}
            failed += [(event.recorder.label, check.name, str(check.failure_info.failure)[:300])
                       for checks in event.recorder.checks.values() for check in checks
                       if check.failure_info]
    return failed, asked, answered


def test_random_requests_break_nothing_and_start_nothing(tmp_path):
    home = tmp_path / "home"
    x = np.random.default_rng(0).random((30, 6, 6), np.float32)
    hg.train(x, model="ae(2)", backbone="mlp(4)", epochs=1, quiet=True, report=False, test=10,
             out=home / "runs/1")
    failed, asked, answered = problems_of(home, {"path_regex": "/api/"})
    assert failed == [] and len(asked) > 40 and "GET /api/runs" in answered
    key = Catalogue(home, Jobs(home)).key_of(home / "runs/1")
    failed, _, answered = problems_of(home, {"method": "GET", "path_regex": "/api/runs/{key}"}, key)
    assert failed == [] and "GET /api/runs/{key}/progress" in answered
    assert [path.name for path in (home / "runs").iterdir()] == ["1"]
