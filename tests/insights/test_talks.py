"""Our own conversations as documents: each closing once, each word once."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from chat.conversations import appending
from chat.conversations import services as chat
from chat.conversations.appending import Said
from chat.conversations.models import Conversation
from insights.sources import talks
from insights.sources.models import Document, DocumentProblem
from tests import make
from tests.insights.test_sources import source


def test_conversations_come_in_as_they_close_each_once(tenant):
    ours = source("Our chats", "chat")
    talk = make.conversation("My kettle drips, call me at a@b.example")
    assert talks.gather(now=timezone.now()) == 0
    chat.resolve(conversation=talk, by="person")
    assert talks.gather(now=timezone.now()) == 1
    assert talks.gather(now=timezone.now()) == 0
    row = Document.objects.get()
    assert (row.source_id, row.text) == (ours.pk, "My kettle drips, call me at [email]")
    chat.reopen(conversation=talk)
    chat.resolve(conversation=talk, by="person")
    assert [talks.gather(now=timezone.now()) for _ in range(3)][1:] == [0, 0]
    assert Document.objects.count() == 1  # nothing more was said
    said = Said("It still drips from the spout", "incoming", "visitor", "")
    appending.append(conversation=talk.pk, said=said)
    chat.resolve(conversation=talk, by="person")
    assert [talks.gather(now=timezone.now()) for _ in range(3)] == [1, 0, 0]
    assert Document.objects.last().text == "It still drips from the spout"


def test_a_conversation_that_closes_late_or_without_words_is_looked_at_once(tenant):
    source("Our chats", "chat")
    late, first = make.conversation("I closed late, so they say"), make.conversation("👍")
    chat.resolve(conversation=first, by="person")
    assert talks.gather(now=timezone.now()) == 1
    chat.resolve(conversation=late, by="person")  # seen after one that ended later
    Conversation.objects.filter(pk=late.pk).update(
        resolved_at=timezone.now() - timedelta(minutes=9)
    )
    assert [talks.gather(now=timezone.now()) for _ in range(3)] == [1, 0, 0]
    assert [d.text for d in Document.objects.all()] == ["I closed late, so they say"]
    assert DocumentProblem.objects.count() == 1
