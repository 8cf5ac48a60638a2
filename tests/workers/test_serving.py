"""The model process, and the API that any OpenAI client speaks: real servers, the real client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import openai
import pytest
import uvicorn
from django.conf import settings as configured
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from attune.embedded.servers import free_port
from attune.kernel.tenancy import tenant_context
from campaigns.content import services as content
from campaigns.generators import meter, registry, servers
from campaigns.generators.models import AdapterFile, ModelServer, ModelVersion, Usage
from tests import make
from tests.browser.conftest import address  # noqa: F401 - a fixture
from tests.workers import tiny as tiny_model
from workers import model_tasks, models, runner
from workers.engines import server as process
from workers.engines import tuning
from workers.engines.embedding import Encoder
from workers.engines.openai_runtime import OpenAIRuntime, ServerTrouble
from workers.engines.openvino_runtime import OpenVINORuntime
from workers.engines.process_client import ModelAway, ProcessRuntime
from workers.engines.protocol import AdapterMissing, DeadlinePassed, Request

assert model_tasks
KEY = "between-us"
PROMPT = [{"role": "system", "content": "You write."}, {"role": "user", "content": "Write of tea."}]


def served(application: Any) -> Iterator[str]:
    """An ASGI application behind a real port."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def adapter(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("adapter")
    said = tuning.Example(PROMPT, "zebra " * 6)
    tuning.train(
        tuning.Lesson(str(tiny), [said] * 8, [], epochs=30, rate=2e-2), folder, lambda *_: None
    )
    return {n: (folder / "adapter" / n).read_bytes() for n in sorted(registry.FILES)}


@pytest.fixture(scope="module")
def model_process(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    runtime = OpenVINORuntime(str(tiny), tmp_path_factory.mktemp("cache"))
    yield from served(process.application(runtime, Encoder(), KEY))


@pytest.fixture
def house(model_process: str, settings: Any) -> Iterator[ProcessRuntime]:
    settings.MODEL_PROCESS_URL, settings.MODEL_PROCESS_KEY = model_process, KEY
    models.runtime.cache_clear()
    yield models.runtime()  # type: ignore[misc]
    models.runtime.cache_clear()


def ask(**changes: Any) -> Request:
    values = {"messages": PROMPT, "n": 1, "max_new_tokens": 12, "temperature": 0.0, "top_p": 1.0,
              "seed": 1, "seconds": 30.0, **changes}  # fmt: skip
    return Request(**values)


def test_the_process_answers_as_the_engine_in_it(house, adapter, tiny, tmp_path):
    # Its own digest: another test of this process may have brought the shared one before.
    mine = {**adapter, "adapter_config.json": adapter["adapter_config.json"] + b"\n"}
    digest = registry.digest_of(mine)
    with pytest.raises(AdapterMissing):
        house.generate(ask(adapter=digest))
    assert not house.has(digest)
    house.bring(digest, mine)
    assert house.has(digest)
    heard = []
    base, tuned = house.generate_many([ask(), ask(adapter=digest)], lambda *h: heard.append(h))
    alone = OpenVINORuntime(str(tiny), tmp_path)
    assert base == alone.generate_many([ask()])[0]
    assert "zebra" in tuned[0].text
    assert {i for i, _, _ in heard} == {0, 1}
    assert house.count(PROMPT) == alone.count(PROMPT)
    assert house.score(PROMPT, ["tea"])[0].nats == pytest.approx(
        alone.score(PROMPT, ["tea"])[0].nats, abs=1e-3
    )
    vectors, tokens = house.embed(["tea", "coffee"])
    assert (vectors.shape, tokens) == ((2, 384), 6)


def test_many_callers_share_a_batch_and_each_gets_its_own(house):
    alone = [house.generate(ask(seed=n, temperature=0.9)) for n in range(6)]
    found: dict[int, Any] = {}
    threads = [threading.Thread(target=lambda n=n: found.update({n: house.generate(ask(seed=n, temperature=0.9))}))
               for n in range(6)]  # fmt: skip
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(found) == list(range(6))
    assert all(len(found[n]) == len(alone[n]) == 1 for n in range(6))


def test_the_process_asks_for_its_key_and_refuses_too_much(model_process):
    wrong = httpx2.post(
        f"{model_process}/generate", json={}, headers={"Authorization": "Bearer no"}
    )
    assert wrong.status_code == 401
    right = {"Authorization": f"Bearer {KEY}"}
    huge = {"requests": [{"messages": PROMPT, "n": 500,
                          "max_new_tokens": 5, "temperature": 1.0, "top_p": 1.0, "seed": 1, "seconds": 5}]}  # fmt: skip
    assert httpx2.post(f"{model_process}/generate", json=huge, headers=right).status_code == 422


def test_a_late_answer_is_a_deadline_and_the_process_lives_on(house):
    with pytest.raises(DeadlinePassed):
        house.generate(ask(seconds=0.0, max_new_tokens=900, temperature=0.9))
    assert house.generate(ask())[0].new_tokens > 0


def test_a_process_that_is_away_is_said(settings):
    runtime = ProcessRuntime(f"http://127.0.0.1:{free_port()}", KEY)
    for call in (
        lambda: runtime.generate(ask()),
        lambda: runtime.name,
        lambda: runtime.has("0" * 64),
    ):
        with pytest.raises(ModelAway, match="does not answer"):
            call()


@pytest.fixture
def client(address: str, house: ProcessRuntime, adapter: dict[str, bytes]) -> Any:  # noqa: F811
    """The openai package, pointed at a workspace whose own version is live."""
    place = make.workspace("api")
    with tenant_context(place.id):
        row = ModelVersion.objects.create(
            number=1,
            base=configured.MODEL_NAME,
            state="live",
            gate="passed",
            digest=registry.digest_of(adapter),
        )
        for name, data in adapter.items():
            AdapterFile.objects.create(version=row, name=name, content=data)
    secret = make.key(place, "models.use")
    made = openai.OpenAI(base_url=f"{address}/v1", api_key=secret, max_retries=0, timeout=30)
    made.place = place
    return made


def test_the_openai_package_lists_and_uses_the_workspaces_models(client):
    names = [m.id for m in client.models.list()]
    assert names == ["attune", "attune-base", "attune-v1", "all-minilm-l6-v2"]
    said = {
        name: client.chat.completions.create(
            model=name, messages=PROMPT, max_tokens=12, temperature=0
        )
        for name in ("attune", "attune-base", "attune-v1")
    }
    assert "zebra" in said["attune"].choices[0].message.content
    assert "zebra" not in said["attune-base"].choices[0].message.content
    assert said["attune-v1"].choices[0].message.content == said["attune"].choices[0].message.content
    usage = said["attune"].usage
    assert (usage.completion_tokens > 0, usage.total_tokens) == (
        True, usage.prompt_tokens + usage.completion_tokens,
    )  # fmt: skip
    with tenant_context(client.place.id):
        row = Usage.objects.get(task="writing", model="attune")
        assert (row.requests, row.tokens_in) == (1, usage.prompt_tokens)


def test_the_openai_package_reads_a_stream_as_it_is_written(client):
    whole = client.chat.completions.create(
        model="attune", messages=PROMPT, max_tokens=16, temperature=0
    )
    chunks = list(
        client.chat.completions.create(
            model="attune", messages=PROMPT, max_tokens=16, temperature=0, stream=True,
            stream_options={"include_usage": True},
        )
    )  # fmt: skip
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text.strip() == whole.choices[0].message.content
    assert len([c for c in chunks if c.choices and c.choices[0].delta.content]) > 3
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert chunks[-2].choices[0].finish_reason in ("stop", "length")


def test_a_stop_ends_the_text_before_it_in_one_piece_and_in_a_stream(client):
    asked = {"model": "attune", "messages": PROMPT, "max_tokens": 16, "temperature": 0}
    text = client.chat.completions.create(**asked).choices[0].message.content
    stop = text[5:8]
    cut = client.chat.completions.create(**asked, stop=stop).choices[0]
    assert cut.message.content == text[: text.index(stop)]
    assert cut.finish_reason == "stop"
    chunks = list(client.chat.completions.create(**asked, stop=["never said", stop], stream=True))
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert said == text[: text.index(stop)]
    never = list(client.chat.completions.create(**asked, stop=["never said"], stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in never if c.choices) == text


@pytest.mark.parametrize(
    "more",
    [{"tools": [{"type": "function", "function": {"name": "f"}}]},
     {"response_format": {"type": "json_object"}}, {"stop": ["a"] * 5}, {"stop": 3}],
)  # fmt: skip
def test_what_is_not_offered_is_refused_by_name(client, more):
    with pytest.raises(openai.UnprocessableEntityError, match=next(iter(more))):
        client.chat.completions.create(model="attune", messages=PROMPT, extra_body=more)


def test_the_openai_package_embeds_in_both_encodings(client):
    found = client.embeddings.create(model="all-minilm-l6-v2", input=["tea", "coffee"])
    plain = client.embeddings.create(model="x", input="tea", encoding_format="float")
    assert [len(d.embedding) for d in found.data] == [384, 384]
    assert np.allclose(found.data[0].embedding, plain.data[0].embedding, atol=1e-6)
    assert found.usage.prompt_tokens == 6


def test_bad_calls_are_named(client, address):  # noqa: F811
    with pytest.raises(openai.NotFoundError, match="attune-v9"):
        client.chat.completions.create(model="attune-v9", messages=PROMPT)
    with pytest.raises(openai.UnprocessableEntityError, match="messages"):
        client.chat.completions.create(model="attune", messages=[])
    with pytest.raises(openai.UnprocessableEntityError, match="input"):
        client.embeddings.create(model="x", input=[])
    other = make.key(client.place, "jobs.view")
    for key, error in (
        (other, openai.PermissionDeniedError),
        ("sk_nobody", openai.AuthenticationError),
    ):
        with pytest.raises(error):
            openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0).models.list()
    with tenant_context(client.place.id):
        meter.save_caps(tokens_a_month=0, cents_a_month=0, canary_share=0.5)
    with pytest.raises(openai.RateLimitError, match="cap of 0 tokens"):
        client.chat.completions.create(model="attune", messages=PROMPT)


def test_another_workspaces_version_cannot_be_named(client, address, adapter):  # noqa: F811
    stranger = make.workspace("stranger")
    key = make.key(stranger, "models.use")
    theirs = openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0)
    with pytest.raises(openai.NotFoundError):
        theirs.chat.completions.create(model="attune-v1", messages=PROMPT)
    said = theirs.chat.completions.create(
        model="attune", messages=PROMPT, max_tokens=12, temperature=0
    )
    assert "zebra" not in said.choices[0].message.content


# -- servers of others ---------------------------------------------------------------------------


def other_server(answers: list[Any], calls: list[Any]) -> Starlette:
    """An OpenAI-compatible server that answers what the test wrote."""

    async def completions(request: Any) -> Any:
        calls.append(await request.json())
        answer = answers[min(len(calls), len(answers)) - 1]
        if isinstance(answer, str):
            return PlainTextResponse(answer)
        if isinstance(answer, int):
            return JSONResponse({"error": {"message": "no"}}, answer)
        return JSONResponse(answer)

    routes = [Route(f"/v1/{path}", completions, methods=["POST"])
              for path in ("chat/completions", "embeddings")]  # fmt: skip
    return Starlette(routes=routes)


def said(text: str) -> dict[str, Any]:
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text},
                         "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}}  # fmt: skip


def test_a_server_that_stumbles_is_asked_again_and_nonsense_is_named():
    for answers, outcome in (
        ([503, said("tea")], "tea"),
        (["<html>"], ServerTrouble),
        ([{"a": 1}], ServerTrouble),
        ([401], ServerTrouble),
    ):
        calls: list[Any] = []
        for url in served(other_server(answers, calls)):
            runtime = OpenAIRuntime(f"{url}/v1", "m", "k", seconds=5, retries=1)
            if isinstance(outcome, str):
                assert runtime.generate(ask())[0].text == outcome
                assert len(calls) == 2
            else:
                with pytest.raises(outcome):
                    runtime.generate(ask())
            break


def test_a_workspaces_own_server_writes_and_its_cost_is_metered(tenant, settings, monkeypatch):
    settings.MODEL_SERVER_ALLOW_PRIVATE = True
    calls: list[Any] = []
    for url in served(other_server([said("Come in for a quiet cup of tea.")], calls)):
        servers.save_server(task="writing", base_url=f"{url}/v1", model="big", key="sk-x",
                            cents_in=200, cents_out=1000)  # fmt: skip
        run = content.request_variants(brief=make.brief("sms"), wanted=1, author_id=None)
        assert runner.run_job(run.tenant_id, run.job_id) == "done"
        run.refresh_from_db()
        assert (run.state, run.passed, run.model) == ("finished", 1, "big (server)")
        row = Usage.objects.get(task="writing")
        assert row.tokens_out == 50 * len(calls)
        assert row.micros == round((row.tokens_in * 200 + row.tokens_out * 1000) / 100)
        assert "sk-x" not in str(ModelServer.objects.values())
        break


def vectors(*rows: list[float]) -> dict[str, Any]:
    data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
    return {"object": "list", "model": "e", "data": data,
            "usage": {"prompt_tokens": 40, "total_tokens": 40}}  # fmt: skip


def test_a_workspaces_own_server_embeds_and_what_it_answers_is_checked(client, settings):
    settings.MODEL_SERVER_ALLOW_PRIVATE = True
    answers = [vectors([3.0, 4.0], [0.0, 2.0]), vectors([1.0, 0.0]), {"a": 1}]
    for url in served(other_server(answers, [])):
        with tenant_context(client.place.id):
            servers.save_server(task="embedding", base_url=f"{url}/v1", model="wide", cents_in=500)
        found = client.embeddings.create(model="x", input=["tea", "coffee"])
        assert [d.embedding for d in found.data] == [pytest.approx([0.6, 0.8]), [0.0, 1.0]]
        assert (found.model, found.usage.total_tokens) == ("wide", 40)
        for said in ("one vector for each text", r"no data\[\]\.embedding"):
            with pytest.raises(openai.APIStatusError, match=said):
                client.embeddings.create(model="x", input=["tea", "coffee"])
        with tenant_context(client.place.id):
            row = Usage.objects.get(task="embedding", model="wide")
            assert (row.tokens_in, row.micros) == (40, 200)
        break


def test_a_server_that_hangs_fails_the_run_with_a_sentence(tenant, settings):
    settings.MODEL_SERVER_ALLOW_PRIVATE = True

    async def hang(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await asyncio.sleep(20)

    for url in served(hang):
        servers.save_server(
            task="writing", base_url=f"{url}/v1", model="slow", seconds=1, retries=0
        )
        run = content.request_variants(brief=make.brief("sms"), wanted=1, author_id=None)
        assert runner.run_job(run.tenant_id, run.job_id) == "done"
        run.refresh_from_db()
        assert (run.state, run.note) == ("failed", "The model server did not answer in 1 s.")
        break
