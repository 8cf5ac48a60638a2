"""What the browser says by itself, in one language, as a script of our own."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.views.decorators.cache import cache_control
from django.views.i18n import JavaScriptCatalog

_view = JavaScriptCatalog.as_view(packages=["attune.web"])


@cache_control(max_age=3600, public=True)
def script(request: HttpRequest, language: str) -> HttpResponseBase:
    """The djangojs messages of a language, for `t()` in the frontend."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    with translation.override(language):
        return _view(request)
