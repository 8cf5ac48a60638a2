"""Topics get readable names from the language model; what does not hold keeps its words."""

from __future__ import annotations

import time

from attune.kernel.phrases import say
from campaigns.content import injection
from campaigns.generators import meter, servers
from campaigns.generators.meter import CapReached
from insights.topics import services
from insights.topics.jobs import NAME_TOPICS, NameTopics
from workers import models
from workers.engines import naming
from workers.engines.openai_runtime import ServerTrouble
from workers.engines.process_client import ModelAway
from workers.engines.protocol import DeadlinePassed, Request
from workers.runner import Run, handles

TRIES, TOKENS, SECONDS = 4, 14, 20.0


@handles(NAME_TOPICS)
def name_topics(payload: NameTopics, run: Run) -> None:
    with run.unit():
        waiting = services.unnamed()
    for done, (pk, words, texts) in enumerate(waiting):
        run.progress(done=done, total=len(waiting), note=say("Naming topics"))
        harmless = [t for t in texts if not injection.command_in(t)][:4]
        if not words or not harmless:
            continue
        try:
            label, model = _named(words, harmless, run)
        except CapReached:
            return  # their words name them until there is allowance again
        except (DeadlinePassed, ServerTrouble, ModelAway):
            continue
        if label:
            with run.unit():
                services.named(topic_id=pk, label=label, model=model)


def _named(words: list[str], texts: list[str], run: Run) -> tuple[str, str]:
    with run.unit():
        meter.demand_allowance(paid=servers.costs("writing"))
        engine, server = models.writer()
    messages = naming.prompt(words, texts)
    began = time.monotonic()
    found = engine.generate_many([Request(messages, TRIES, TOKENS, 0.4, 0.9, 0, SECONDS)])[0]
    spent = engine.count(messages), sum(one.new_tokens for one in found)
    with run.unit():
        meter.record(
            task="writing", model=engine.name, requests=1, tokens_in=spent[0],
            tokens_out=spent[1], seconds=time.monotonic() - began,
            micros=server.micros(*spent) if server else 0,
        )  # fmt: skip
    labels = [naming.checked(one.text, words, texts) for one in found]
    return next((label for label in labels if label), ""), engine.name
