"""Which foreign ids a page could take."""

from __future__ import annotations

import os
import random
import re
import sys
import uuid
from pathlib import Path
from typing import Any

from django.apps import apps
from django.urls import resolve, reverse

from attune.kernel.models import TenantModel
from attune.kernel.tenancy import tenant_context
from tests import make
from tests.guards.routes import routes

SOME, PROOF = 1, bool(os.environ.get("PROVE"))


def models_of(b: make.Place, ids: dict[str, Any]) -> dict[str, type[TenantModel]]:
    """The model of each id that a tenant's table holds."""
    known = [v for v in ids.values() if isinstance(v, uuid.UUID)]
    with tenant_context(b.id):
        return {
            str(pk): model
            for model in apps.get_models()
            if issubclass(model, TenantModel)
            for pk in model.objects.filter(pk__in=known).values_list("pk", flat=True)
        }


def nearby(b: make.Place, ids: dict[str, Any]) -> dict[str, list[str]]:
    """Of each page the foreign ids that it could take: those of rows whose model its slice keeps,
    those whose model is not known, SOME of those that its slice names anywhere in its sources, and
    SOME others; in a proof all that it names."""
    kinds = models_of(b, ids)
    chosen, foreign = {}, list(map(str, ids.values()))
    for route in routes():
        if not route.workspace or "pk" not in route.parameters:
            continue
        arguments = {"workspace": b.slug, "pk": str(uuid.uuid4())}
        view = sys.modules[resolve(reverse(route.name, kwargs=arguments)).func.__module__]
        place = Path(str(view.__file__)).parent
        named = set(re.findall(r"[A-Z]\w+", "".join(p.read_text() for p in place.glob("*.py"))))
        kept = view.__name__.rpartition(".")[0] + ".models"
        own = [pk for pk in foreign if pk not in kinds or kinds[pk].__module__ == kept]
        near = [pk for pk in foreign if pk not in own and kinds[pk].__name__ in named]
        far = [pk for pk in foreign if pk not in {*own, *near}]
        rng = random.Random(route.name)
        some = near if PROOF else rng.sample(near, min(SOME, len(near)))
        chosen[route.name] = own + some + rng.sample(far, min(SOME, len(far)))
    return chosen


def asked_by_api(b: make.Place, ids: dict[str, Any]) -> dict[str, list[str]]:
    """Of each API route the foreign ids of what its view serves or names in its sources, those
    whose model is not known, and six others."""
    kinds = {pk: model.__name__ for pk, model in models_of(b, ids).items()}
    chosen = {}
    for route in routes():
        if not route.name.startswith("api-") or "pk" not in route.parameters:
            continue
        arguments = {name: str(uuid.uuid4()) for name in route.parameters if name != "format"}
        view = resolve(reverse(route.name, kwargs=arguments)).func
        source = Path(str(sys.modules[view.__module__].__file__)).read_text()
        named = set(re.findall(r"[A-Z]\w+", source))
        mine = [pk for pk in map(str, ids.values()) if kinds.get(pk, "") in named | {""}]
        others = [pk for pk in map(str, ids.values()) if pk not in mine]
        chosen[route.name] = mine + random.Random(route.name).sample(others, min(6, len(others)))
    return chosen
