"""The operation that forecasts a series: what is sent, and what is answered."""

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any

from annotated_types import Ge, Le
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, create_model

from ..core.console import say
from ..data.sources.series import Series
from ..inference.forecasting import Forecaster, fit_forecaster
from ..inference.trained import Trained
from ..tasks.forecast import check_ahead, following
from .limits import Limits
from .openapi import Arrays, json_body, works
from .responses import as_json, listed, records
from .schemas import Whole, json_intake, samples_type, sent_samples
from .series_requests import is_over_time
from .service import ModelService
from .uploads import UploadedSamples

Fitted = Callable[[int], Forecaster]   # what forecasts so many steps
KEPT = 8   # forecasters of a model, for as many numbers of steps


def forecaster_for(model: Trained, ahead: int) -> Fitted | None:
    """What forecasts up to `ahead` steps, fitted now; None for 0 steps. Raises ValueError for a
    model that cannot forecast, and if the run's data is gone."""
    if not ahead:
        return None
    if not is_over_time(model):
        raise ValueError("--ahead is for models of series, and this is another one; leave it out")
    check_ahead(model, ahead)
    say(f"finding what forecasts {ahead} steps best ...")
    forecaster = fit_forecaster(model, model.source(), ahead)
    return lambda _: forecaster


def fitted_when_asked(model: Trained) -> Fitted:
    """What forecasts as many steps as a request asks for, fitted then and kept. Raises ValueError
    as `forecaster_for` does, once it is asked."""
    @lru_cache(KEPT)
    def fit(block: int) -> Forecaster:
        check_ahead(model, block)
        return fit_forecaster(model, model.source(), block)
    return lambda ahead: fit(min(ahead, model.shape[-1]))


def forecast_type(model: Trained, limits: Limits, most: int) -> type[BaseModel]:
    """{"samples": rows of a series or windows (N, T, C), "ahead": 24}, in own units."""
    schema: type[BaseModel] = create_model(
        "SeriesToForecast", __base__=samples_type(model, limits),
        ahead=(Annotated[int, Ge(1), Le(most), Whole], most))
    return schema


def put_forecast(router: APIRouter, desk: ModelService, fitted: Fitted, most: int) -> None:
    """Add the operation that forecasts, at most that many steps."""
    kind = forecast_type(desk.model, desk.limits, most)
    read = json_intake(kind)

    async def take(request: Request) -> tuple[UploadedSamples, int]:
        body: Any = await read(request)
        return sent_samples(desk.model, body, "samples"), body.ahead

    @router.post("/forecast", responses=works(Arrays, False), openapi_extra=json_body(kind))
    async def forecast(uploaded: Annotated[tuple[UploadedSamples, int], Depends(take)]) -> Response:
        """The next steps of a series in rows, of each unit, with their times; or those of windows
        (N, T, C), (N, ahead, C). Gaps before are filled in first."""
        (sent, ahead), collection = uploaded, uploaded[0].collection
        assert collection is not None   # as of all series
        after, notes = await desk.batcher.alone(lambda: following(
            desk.model, collection, fitted(ahead), ahead))
        rows = records(after) if isinstance(collection.raw, Series) else listed(after)
        return as_json(Arrays(samples=rows, notes=[*sent.notes, *notes]))
