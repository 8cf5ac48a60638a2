"""The shared inbox: the list, the thread, and what an agent does there."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from attune.kernel.errors import Invalid, NotFound
from attune.kernel.models import new_id
from attune.kernel.phrases import say
from attune.kernel.storable import as_uuid
from attune.web.pages import paged
from campaigns.contacts import selectors as contacts
from campaigns.delivery import selectors as delivery
from chat.conversations import handing, public, selectors, services, visiting
from chat.conversations.forms import NoteForm, ReplyForm, SnoozeForm
from chat.conversations.models import Conversation
from chat.inboxes import selectors as inboxes
from chat.inboxes import services as inbox_services
from tenants import teams
from tenants.models import User
from tenants.pages import address, can, go, page

SIZE = 40
SNOOZES = {"hour": timedelta(hours=1), "tomorrow": timedelta(days=1), "week": timedelta(days=7)}


def _chosen(request: HttpRequest) -> dict[str, str]:
    view = request.GET.get("view", "")
    return {
        "view": view if view in selectors.VIEWS else "open",
        **{key: request.GET.get(key, "").strip()[:100] for key in ("q", "inbox", "label", "team")},
    }


def _listed(request: HttpRequest) -> dict[str, object]:
    chosen = _chosen(request)
    rows = selectors.conversations(user_id=request.user.pk, **chosen)
    found = paged(request, rows, SIZE)
    return {
        "page": found, "rows": selectors.marked(found.object_list), "chosen": chosen,
        "views": selectors.VIEWS, "counts": selectors.counts(request.user.pk),
    }  # fmt: skip


@page("chat.view")
def inbox(request: HttpRequest) -> HttpResponse:
    """The list; asked for as a part it is drawn anew where it stands."""
    context = _listed(request)
    if request.htmx and request.headers.get("HX-Target") == "conversations":
        return render(request, "conversations/list.html", context)
    context |= {
        "labels": inboxes.labels(), "inboxes": inboxes.inboxes(), "teams": teams.teams(),
        "availability": inboxes.availability_of(request.user.pk),
    }  # fmt: skip
    return render(request, "conversations/inbox.html", context)


@page("chat.view")
def conversation(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The thread with its customer's panel beside it."""
    row = selectors.conversation(pk)
    part = request.headers.get("HX-Target") if request.htmx else ""
    if part == "conversations":
        return render(request, "conversations/list.html", {**_listed(request), "open": row})
    if can(request, "chat.answer"):
        services.seen(conversation=row)
    context = {
        "conversation": row, "lines": selectors.thread(row.pk), "clocks": selectors.clocks(row),
        "handoff": row.handoffs.order_by("-id").first(),
    }  # fmt: skip
    if part == "thread":
        return render(request, "conversations/thread.html", context)
    context |= _panel(row) | _listed(request) | {
        "open": row, "reply": ReplyForm(initial={"client_id": new_id()}), "note": NoteForm(),
        "agents": inboxes.agents(), "teams": teams.teams(), "labels": inboxes.labels(),
        "canned": inboxes.canned(), "priorities": Conversation.Priority.choices,
        "availability": inboxes.availability_of(request.user.pk),
    }  # fmt: skip
    return render(request, "conversations/conversation.html", context)


def _panel(row: Conversation) -> dict[str, object]:
    """Who the customer is: profile, what they were sent and why, earlier conversations."""
    found: dict[str, object] = {"earlier": selectors.earlier(row)}
    if row.contact_id is not None:
        found |= {
            "profile": contacts.profile(row.contact_id),
            "sends": delivery.of_contact(row.contact_id)[:5],
        }
    return found


def _back(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The conversation again, in the view that one came from."""
    query = request.META.get("HTTP_REFERER", "").partition("?")[2]
    answer = go(request, "conversations:conversation", pk)
    if query and len(query) < 300:
        answer["Location"] = f"{address(request, 'conversations:conversation', pk)}?{query}"
    return answer


@require_POST
@page("chat.answer")
def reply(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return replied(request, pk)


@require_POST
@page("chat.answer")
def typing(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.typing(conversation=selectors.conversation(pk), user=_user(request))
    return HttpResponse(status=204)


def replied(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Send what the form holds, and go back to the thread."""
    row, form = selectors.conversation(pk), ReplyForm(request.POST)
    sent = request.FILES.getlist("files")
    if not form.is_valid():
        raise Invalid.one("body", "; ".join(str(e) for es in form.errors.values() for e in es))
    kept = [
        visiting.keep_file(conversation=row, name=f.name, content=f.read(), by_visitor=False)
        for f in sent
    ]
    services.reply(
        conversation=row, user=_user(request), body=form.cleaned_data["body"],
        client_id=form.cleaned_data["client_id"], attachments=[str(k.pk) for k in kept],
    )  # fmt: skip
    return _back(request, pk)


@require_POST
@page("chat.answer")
def note(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.conversation(pk)
    services.note(conversation=row, user=_user(request), text=request.POST.get("body", ""))
    return _back(request, pk)


@require_POST
@page("chat.answer")
def take(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.take(conversation=selectors.conversation(pk), user=_user(request))
    return _back(request, pk)


@require_POST
@page("chat.answer")
def hand_back(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    handing.hand_back(conversation=selectors.conversation(pk))
    return _back(request, pk)


@require_POST
@page("chat.answer")
def assign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row = selectors.conversation(pk)
    chosen, team = request.POST.get("to", ""), as_uuid(request.POST.get("team", ""))
    to = next((u for u in inboxes.agents() if str(u.pk) == chosen), None)
    if chosen and to is None:
        raise Invalid.one("to", say("This member may not answer customers."))
    services.assign(
        conversation=row, to=to, team=teams.team(team) if team else None,
        by_id=request.user.pk,
    )  # fmt: skip
    return _back(request, pk)


@require_POST
@page("chat.answer")
def snooze(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    row, named = selectors.conversation(pk), request.POST.get("for", "")
    if named in SNOOZES:
        until = timezone.now() + SNOOZES[named]
    else:
        form = SnoozeForm(request.POST)
        if not form.is_valid():
            raise Invalid.one("until", say("Say until when."))
        until = form.cleaned_data["until"]
    services.snooze(conversation=row, until=until)
    return _back(request, pk)


@require_POST
@page("chat.answer")
def resolve(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    ask = request.POST.get("ask") != "no"
    services.resolve(conversation=selectors.conversation(pk), by="person", ask=ask)
    return _back(request, pk)


@require_POST
@page("chat.answer")
def reopen(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.reopen(conversation=selectors.conversation(pk))
    return _back(request, pk)


@require_POST
@page("chat.answer")
def priority(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    given = request.POST.get("priority", "")
    services.set_priority(
        conversation=selectors.conversation(pk),
        priority=int(given) if given.isdecimal() and len(given) == 1 else -1,
    )
    return _back(request, pk)


@require_POST
@page("chat.answer")
def labels(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    names = [*request.POST.getlist("label"), *request.POST.get("fresh", "").split(",")]
    services.set_labels(
        conversation=selectors.conversation(pk), names=[n.strip() for n in names if n.strip()]
    )
    return _back(request, pk)


@require_POST
@page("chat.answer")
def block(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    services.block(visitor=selectors.conversation(pk).visitor)
    return _back(request, pk)


@require_POST
@page("chat.answer")
def available(request: HttpRequest) -> HttpResponse:
    row = inbox_services.set_available(
        user_id=request.user.pk, available=request.POST.get("available") == "yes"
    )
    told = say("You take conversations now.") if row.available else say("You are away now.")
    messages.success(request, str(told))
    return go(request, "conversations:inbox")


@page("chat.view")
def file(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return public.served(selectors.attachment(pk))


def _user(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise NotFound(say("Sign in first."))
    return request.user
