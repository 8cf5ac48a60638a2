"""Later work of the knowledge base."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from attune.kernel.jobs import MODEL, Job


@dataclass(frozen=True, slots=True)
class EmbedDocument:
    document_id: uuid.UUID


EMBED_DOCUMENT = Job("knowledge.embed", MODEL, EmbedDocument)
