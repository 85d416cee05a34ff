"""The ASGI application of the studio: its page, its addresses, and who may use them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from .. import __version__
from ..serving.errors import Problem, answer_problems, problem
from ..serving.limits import Limits
from .guard import API, StudioGuard
from .page_decoder import TYPES
from .roots import Roots
from .routes_data import put_data
from .routes_latent import put_chosen, put_latent, put_placing
from .routes_runs import put_pictures, put_run, put_runs
from .routes_search import put_search, put_study
from .routes_serve import put_downloads, put_serve
from .routes_train import put_form, put_jobs, put_run_jobs
from .state import Studio, make_state

STATIC = Path(__file__).parent / "static"
REFUSED: dict[int | str, str] = {
    400: "another name of the server, or a body that is neither JSON nor a form",
    401: "no token, or a wrong one", 403: "a page of another origin",
    404: "no such address or file", 413: "too many bytes", 415: "another content type",
    422: "what was sent is wrong", 503: "too many requests", 504: "it took too long"}
LIMITS = Limits(body=64 * 2**20, seconds=600, queue=128)


def make_studio(roots: Roots, token: str, hosts: tuple[str, ...], limits: Limits = LIMITS
                ) -> FastAPI:
    """Make the application of a studio on these folders. `token` is what its page must send, and
    `hosts` are the names that it may be called by. Raises ValueError if the page was not built."""
    if not (STATIC / "index.html").is_file():
        raise ValueError("the studio's page is not built in this checkout: run make studio")
    studio = make_state(roots)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        studio.models.close()
        studio.drawer.shutdown(wait=False, cancel_futures=True)

    app = FastAPI(title="Hourglass studio", version=__version__, docs_url=None, redoc_url=None,
                  openapi_url=f"{API}/openapi.json", lifespan=lifespan,
                  responses={status: {"model": Problem, "description": why}
                             for status, why in REFUSED.items()})
    app.state.studio = studio
    app.add_middleware(StudioGuard, limits=limits, token=token, hosts=hosts)
    answer_problems(app)
    router = APIRouter(prefix=API)
    put_about(router)
    put_runs(router, studio)
    put_run(router, studio)
    put_pictures(router, studio)
    put_latent(router, studio)
    put_chosen(router, studio)
    put_placing(router, studio)
    put_form(router, studio)
    put_jobs(router, studio)
    put_run_jobs(router, studio)
    put_data(router, studio)
    put_search(router, studio)
    put_study(router, studio)
    put_serve(router, studio)
    put_downloads(router, studio)
    app.include_router(router)
    app.router.routes.append(Mount(f"{API}/model", app=studio.models))
    app.router.routes.append(Mount(API, app=nothing))
    put_runtime(app, studio)
    app.mount("/", StaticFiles(directory=STATIC, html=True))
    return app


def put_runtime(app: FastAPI, studio: Studio) -> None:
    """Add the files of the runtime, which a page imports: so they need no token, as its own do."""
    @app.get("/runtime/{name}", include_in_schema=False)
    async def file(name: str) -> Response:
        if name not in studio.runtime.files:
            return problem(404, "the runtime has no such file, or is not here yet")
        return Response(studio.runtime.files[name], media_type=TYPES[Path(name).suffix])


def put_about(router: APIRouter) -> None:
    """Add the address that says which studio this is."""
    @router.get("/about")
    async def about() -> dict[str, str]:
        """The version of Hourglass."""
        return {"version": __version__}


nothing = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)


@nothing.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
async def _unknown(path: str) -> Response:
    return problem(404, "the studio has no such address")
