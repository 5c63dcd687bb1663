"""The page as a feature of an instance's server. What needs the extra `http` is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from streams.console.process import Look, Process
from streams.metrics.registry import Metrics
from streams.query.instance import Instance
from streams.topology.tools.outline import outline

if TYPE_CHECKING:
    from streams.http.site import Feature


def console_of(
    application_id: str,
    client_id: str,
    instance: Instance,
    metrics: Metrics,
    look: Callable[[], Look],
    members: Callable[[], Collection[str]],
    token: str,
) -> Feature:
    """Its routes.

    Args:
        application_id: of the application.
        client_id: of this process.
        instance: knows where tasks are.
        metrics: those of this process.
        look: how this process is.
        members: where instances can be asked, by what they have told the group; it may wait.
        token: that other instances want; "": there is none.
    """
    from streams.console.application import Application, Group
    from streams.console.drawing import Drawn, drawn
    from streams.console.gather import Gatherer, OwnLook
    from streams.console.paths import OPEN
    from streams.console.routes import ConsoleRoutes
    from streams.http.client import HttpClient
    from streams.http.site import Feature
    from streams.query.answers import FORWARDED

    def group() -> Group:
        known = instance.known
        return Group({}, {}) if known is None else Group(known.endpoints.owners, known.endpoints.counts)

    given = {"Authorization": f"Bearer {token}"} if token else {}
    own = OwnLook(Process(client_id, metrics, look))
    application = Application(application_id, instance.endpoint)
    client = HttpClient({FORWARDED: "1", **given})
    gatherer = Gatherer(own, instance.endpoint, application, group, members, client, instance.world)

    def picture(fold: Collection[int] | None) -> Drawn:
        return drawn(outline(instance.built, application_id), instance.topic_name, fold)

    routes = ConsoleRoutes(own, gatherer, picture)
    return Feature(routes.routes, OPEN)
