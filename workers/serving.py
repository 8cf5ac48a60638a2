"""The workspace's model for any OpenAI client: /v1/chat/completions, /v1/models, /v1/embeddings.

`model` is "attune" (who writes now: the live version, else the base), "attune-base", or
"attune-v3" for a version by number. Each call opens short units of work of its own around the
model's work (tenants.middleware.OWN_UNITS): no transaction waits for a model.
"""

from __future__ import annotations

import base64
import time
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request as Call
from rest_framework.response import Response
from rest_framework.views import APIView

from attune.api.exceptions import translate
from attune.api.serializers import ChoiceField
from attune.api.throttles import PerKey
from attune.kernel.errors import NotFound
from attune.kernel.phrases import say
from attune.kernel.tenancy import tenant_context
from campaigns.generators import meter, registry, servers
from campaigns.generators.models import ModelVersion
from campaigns.generators.servers import Server
from workers import models
from workers.engines.openai_runtime import ServerTrouble
from workers.engines.process_client import ModelAway, ProcessRuntime
from workers.engines.protocol import DeadlinePassed, Request, Runtime
from workers.streaming import ABSENT, AWAY, Asked, NoModel, Stream, envelope, guarded

BASE, WRITER = "attune-base", "attune"
SECONDS = 120.0
NOT_OFFERED = (
    "tools", "tool_choice", "functions", "function_call", "response_format", "logprobs",
    "top_logprobs", "logit_bias", "audio", "modalities",
)  # fmt: skip
MOST_LETTERS = 16_000  # about 4,000 tokens: what a model of two cores reads in a few seconds


class Part(serializers.Serializer):
    type = ChoiceField(choices=["text"])
    text = serializers.CharField(allow_blank=True, trim_whitespace=False)


class MessageIn(serializers.Serializer):
    role = ChoiceField(choices=["system", "developer", "user", "assistant"])
    content = serializers.JSONField()

    def validate_content(self, value: Any) -> str:
        """A string, or parts of which each is a text."""
        if isinstance(value, str):
            return value
        parts = Part(data=value, many=True)
        parts.is_valid(raise_exception=True)
        return "\n".join(p["text"] for p in parts.validated_data)


class ChatIn(serializers.Serializer):
    model = serializers.CharField(max_length=80)
    messages = serializers.ListField(child=MessageIn(), min_length=1, max_length=200)
    max_tokens = serializers.IntegerField(min_value=1, max_value=1024, required=False)
    max_completion_tokens = serializers.IntegerField(min_value=1, max_value=1024, required=False)
    temperature = serializers.FloatField(min_value=0, max_value=2, default=0.7)
    top_p = serializers.FloatField(min_value=0.01, max_value=1, default=1.0)
    n = serializers.IntegerField(min_value=1, max_value=8, default=1)
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)
    stream = serializers.BooleanField(default=False)
    stream_options = serializers.DictField(required=False)
    stop = serializers.JSONField(required=False, allow_null=True)

    def validate_stop(self, value: Any) -> tuple[str, ...]:
        """A string, or up to four of them: the text ends before the first that it would say."""
        found = [value] if isinstance(value, str) else value or []
        if not isinstance(found, list) or len(found) > 4:
            raise serializers.ValidationError("Give a string or up to four strings.")
        if not all(isinstance(s, str) and 0 < len(s) <= 100 for s in found):
            raise serializers.ValidationError("Each is a string of 1 to 100 characters.")
        return tuple(found)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What would change the answer, and is not offered, is refused rather than passed over."""
        given = {name for name in NOT_OFFERED if self.initial_data.get(name)}
        if self.initial_data.get("response_format") == {"type": "text"}:
            given.discard("response_format")
        if given:
            told = str(say("This model does not offer it; leave it out."))
            raise serializers.ValidationError(dict.fromkeys(sorted(given), told))
        return attrs

    def validate_messages(self, value: list[dict[str, str]]) -> list[dict[str, str]]:
        letters = sum(len(m["content"]) for m in value)
        if letters > MOST_LETTERS:
            raise serializers.ValidationError(
                str(say("%(n)s characters in all; a prompt has at most %(most)s.", n=letters,
                        most=MOST_LETTERS))
            )  # fmt: skip
        return value


class EmbeddingsIn(serializers.Serializer):
    model = serializers.CharField(max_length=80)
    input = serializers.JSONField()
    encoding_format = ChoiceField(choices=["float", "base64"], default="float")

    def validate_input(self, value: Any) -> list[str]:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(t, str) for t in texts):
            raise serializers.ValidationError("Give a string or a list of strings.")
        if not 1 <= len(texts) <= 256 or sum(map(len, texts)) > 1_000_000:
            raise serializers.ValidationError("Give 1 to 256 texts, a million letters in all.")
        return texts


def _refusal(error: Exception, context: dict[str, Any]) -> Response | None:
    """The API's problem, also where OpenAI clients look for it."""
    response = translate(error)
    if response is not None:
        told = response.data
        response.data = {
            **told,
            "error": {"message": told["detail"], "type": told["title"], "code": told["type"],
                      "param": None},
        }  # fmt: skip
        response.content_type = "application/json"
    return response


class ModelView(APIView):
    """Short units of work around the model's; errors as elsewhere in the API."""

    scopes: ClassVar[dict[str, str]] = {"get": "models.use", "post": "models.use"}
    throttle_classes = (PerKey,)

    def get_exception_handler(self) -> Any:
        return _refusal

    def perform_content_negotiation(self, request: Call, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)


class ModelsView(ModelView):
    """What can be asked: the writer, the base, and each version that may write."""

    @extend_schema(responses={200: dict})
    def get(self, request: Call) -> Response:
        with tenant_context(request.auth.tenant_id):
            rows = [v for v in registry.versions() if v.gate == "passed" and v.state != "revoked"]
        names = [WRITER, BASE, *(f"attune-v{v.number}" for v in rows), settings.EMBEDDING_NAME]
        return Response(
            {
                "object": "list",
                "data": [
                    {"id": name, "object": "model", "created": 0, "owned_by": "workspace"}
                    for name in names
                ],
            }
        )


class ChatView(ModelView):
    """Completions by the workspace's own model, or by the server that it chose."""

    @extend_schema(request=ChatIn, responses={200: dict, 502: dict, 503: dict, 504: dict})
    def post(self, request: Call) -> Any:
        data = ChatIn(data=request.data)
        data.is_valid(raise_exception=True)
        given = data.validated_data
        asked = _asked(request.auth.tenant_id, given)
        began = time.monotonic()
        if given["stream"]:
            usage = bool(given.get("stream_options", {}).get("include_usage"))
            lines = Stream(asked, began).events(usage=usage)
            return StreamingHttpResponse(lines, content_type="text/event-stream")
        found = asked.cut(guarded(asked))
        return Response(
            {
                **envelope(asked, "chat.completion"),
                "choices": [
                    {
                        "index": index,
                        "message": {"role": "assistant", "content": one.text},
                        "finish_reason": "stop" if one.finished else "length",
                        "logprobs": None,
                    }
                    for index, one in enumerate(found)
                ],
                "usage": asked.record(found, began),
            }
        )


class EmbeddingsView(ModelView):
    """Texts as vectors of length 1."""

    @extend_schema(request=EmbeddingsIn, responses={200: dict, 503: dict})
    def post(self, request: Call) -> Response:
        data = EmbeddingsIn(data=request.data)
        data.is_valid(raise_exception=True)
        given = data.validated_data
        with tenant_context(request.auth.tenant_id):
            meter.demand_allowance(paid=servers.costs("embedding"))
            server = servers.server_for("embedding")
        began = time.monotonic()
        vectors, tokens = _vectors(server, given["input"])
        model, micros = settings.EMBEDDING_NAME, 0
        if server is not None:
            model, micros = server.model, server.micros(tokens, 0)
        with tenant_context(request.auth.tenant_id):
            meter.record(
                task="embedding", model=model, requests=1, tokens_in=tokens, tokens_out=0,
                seconds=time.monotonic() - began, micros=micros,
            )  # fmt: skip
        rows = [
            {"object": "embedding", "index": i, "embedding": _encoded(v, given["encoding_format"])}
            for i, v in enumerate(vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return Response({"object": "list", "data": rows, "model": model, "usage": usage})


def _vectors(server: Server | None, texts: list[str]) -> tuple[Any, int]:
    """By the workspace's own server where it chose one for this, else by the house's process."""
    if server is not None:
        try:
            return models.embed_at(server, texts)
        except (DeadlinePassed, ServerTrouble) as trouble:
            raise NoModel(
                say("The workspace's model server: %(trouble)s", trouble=str(trouble))
            ) from trouble
    runtime = _house()
    if not isinstance(runtime, ProcessRuntime):
        raise NoModel(ABSENT)
    try:
        return runtime.embed(texts)
    except ModelAway as away:
        raise NoModel(AWAY) from away


def _encoded(vector: Any, kind: str) -> Any:
    if kind == "float":
        return [round(float(v), 7) for v in vector]
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def _house() -> Runtime:
    """The house's model as a web process may speak to it: never loaded here."""
    if not settings.MODEL_PROCESS_URL and settings.MODEL_RUNTIME != "openai":
        raise NoModel(ABSENT)
    return models.runtime()


def _asked(tenant_id: int, given: dict[str, Any]) -> Asked:
    """Who answers, with which adapter. Reads in units of work of its own."""
    name, unit = given["model"], partial(tenant_context, tenant_id)
    with unit():
        version = _version(name)
        own = name == WRITER and version is None and servers.server_for("writing") is not None
        meter.demand_allowance(paid=own and servers.costs("writing"))
        runtime, server = models.writer() if own else (None, None)
    if runtime is None:
        runtime = _house()
    adapter = ""
    try:
        if version is not None:
            adapter = models.ready(runtime, version, unit)
    except ModelAway as away:
        raise NoModel(AWAY) from away
    most = given.get("max_completion_tokens") or given.get("max_tokens") or 256
    messages = [
        {"role": "system" if m["role"] == "developer" else m["role"], "content": m["content"]}
        for m in given["messages"]
    ]
    request = Request(
        messages=messages, n=given["n"], max_new_tokens=most, temperature=given["temperature"],
        top_p=given["top_p"], seed=given["seed"], seconds=SECONDS, adapter=adapter,
    )  # fmt: skip
    return Asked(tenant_id, runtime, server, name, request, given.get("stop") or ())


def _version(name: str) -> ModelVersion | None:
    """The version that a model name means; None is the base."""
    if name == BASE:
        return None
    if name == WRITER:
        return registry.writers()[0]
    number = name.removeprefix("attune-v")
    row = ModelVersion.objects.filter(number=number).first() if number.isdecimal() else None
    if (
        row is None
        or row.gate != "passed"
        or row.state == "revoked"
        or row.tainted_at
        or not registry.fits(row)
    ):
        raise NotFound(
            say("There is no model “%(name)s” here; GET /v1/models names them.", name=name)
        )
    return row
