"""Drawing texts to be labelled, labelling them, settling what two people see differently."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from attune.kernel import audit, live
from attune.kernel.errors import Conflict, Invalid, NotFound
from attune.kernel.models import new_id
from attune.kernel.phrases import say
from attune.kernel.states import Machine, advance
from attune.kernel.tenancy import current_tenant
from insights.labelling.models import Annotation, LabelTask
from insights.reading.models import Reading
from tenants.models import User

PEOPLE, MOST_DRAWN, MOST_OPEN, MOST_SECONDS = 2, 200, 1_000, 600.0
TASK = Machine("label_task", {
    ("open", "dispute"): "disputed", ("open", "settle"): "settled",
    ("disputed", "settle"): "settled",
})  # fmt: skip
# Copies of one text are one task; chance is the digest of the id and the day, so that asking again
# draws others. Chance draws among all texts, those included that were drawn because the model was
# unsure (they count as drawn by chance from then on): without them it would look better than it is.
DRAW_SQL = """
INSERT INTO label_task (id, tenant_id, document_id, state, drawn, unsure, model, model_feeling,
                        gold)
SELECT n.id, %(tenant)s, d.document, 'open', %(drawn)s, d.unsure, d.model, d.feeling, ''
FROM (SELECT r.document_id AS document, r.model, r.feeling,
             1 - greatest(r.negative, r.neutral, r.positive) AS unsure,
             row_number() OVER (ORDER BY CASE WHEN %(drawn)s = 'random'
               THEN md5(r.id::text || %(salt)s) END,
               greatest(r.negative, r.neutral, r.positive), r.id) AS place
      FROM reading r JOIN insight_document t ON t.tenant_id = r.tenant_id AND t.id = r.document_id
      WHERE r.tenant_id = %(tenant)s AND t.state = 'read' AND t.leader_id = t.id
        AND NOT EXISTS (SELECT 1 FROM label_task k WHERE k.tenant_id = r.tenant_id
                        AND k.document_id = r.document_id
                        AND (%(drawn)s = 'uncertain' OR k.drawn = 'random'))) d
JOIN unnest(%(ids)s::uuid[]) WITH ORDINALITY AS n(id, place) ON n.place = d.place
ON CONFLICT (tenant_id, document_id) DO UPDATE SET drawn = excluded.drawn
RETURNING xmax = 0"""


def draw(*, n: int, now: datetime) -> int:
    """Put n texts before people: half by chance, half those that the model is least sure of. How
    many there were. Raises Invalid, or Conflict where enough wait."""
    if not 2 <= n <= MOST_DRAWN:
        raise Invalid.one("n", say("Draw 2 to %(most)s texts.", most=MOST_DRAWN))
    if LabelTask.objects.filter(state="open").count() + n > MOST_OPEN:
        raise Conflict(say("Enough texts wait to be labelled; label some first."))
    made = 0
    for drawn, many in (("random", n - n // 2), ("uncertain", n // 2)):
        with connection.cursor() as cursor:
            cursor.execute(DRAW_SQL, {
                "tenant": current_tenant(), "drawn": drawn, "salt": now.isoformat(),
                "ids": [new_id() for _ in range(many)],
            })  # fmt: skip
            made += sum(new for (new,) in cursor.fetchall())
    if not made:
        raise Conflict(say("There is no text left that was read and not drawn yet."))
    audit.record("insights.draw_label_tasks", None, tasks=made)
    live.push(current_tenant(), "labels")
    return made


def label(*, task_id: object, user: User, feeling: str, seconds: float, now: datetime) -> LabelTask:
    """One person's label. The second one settles the task, or shows that it is disputed. Raises
    Invalid, Conflict."""
    with transaction.atomic():
        task = LabelTask.objects.select_for_update().filter(pk=task_id).first()
        if task is None:
            raise NotFound(say("There is no such text to be labelled."))
        if feeling not in Reading.Feeling.values:
            raise Invalid.one("feeling", say("Choose how the text feels."))
        if task.state != LabelTask.State.OPEN:
            raise Conflict(say("This text was settled meanwhile; take the next one."))
        took = min(max(0.0, seconds), MOST_SECONDS)
        _, made = Annotation.objects.get_or_create(
            task=task, user=user, defaults={"feeling": feeling, "seconds": took}
        )
        if not made:
            raise Conflict(say("You labelled this text already."))
        said = list(task.annotations.values_list("feeling", flat=True))
        if len(said) >= PEOPLE:
            close(task, said, now)
    live.push(current_tenant(), "labels")
    return task


def close(task: LabelTask, said: list[str], now: datetime) -> None:
    """Enough people labelled it: settled where they agree, else disputed."""
    if len(set(said)) > 1:
        advance(TASK, task, "dispute")
        return
    LabelTask.objects.filter(pk=task.pk).update(gold=said[0], settled_at=now)
    task.gold, task.settled_at = said[0], now
    advance(TASK, task, "settle")


def settle(*, task: LabelTask, user: User, feeling: str, now: datetime) -> None:
    """Somebody who did not label it says what holds. Raises Invalid, Conflict."""
    if feeling not in Reading.Feeling.values:
        raise Invalid.one("feeling", say("Choose how the text feels."))
    if task.state != LabelTask.State.DISPUTED:
        raise Conflict(say("Nobody differs about this text."))
    if task.annotations.filter(user=user).exists():
        raise Conflict(say("You labelled it yourself: somebody else has to settle it."))
    LabelTask.objects.filter(pk=task.pk, state="disputed").update(gold=feeling, settled_at=now)
    advance(TASK, task, "settle")
    Annotation.objects.create(task=task, user=user, feeling=feeling, seconds=0.0, adjudicates=True)
    live.push(current_tenant(), "labels")
