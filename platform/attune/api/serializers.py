"""Serializers that know the columns of the house."""

from __future__ import annotations

from typing import Any

from django.db import models
from rest_framework import serializers
from rest_framework.request import Request

from attune.kernel.phrase_field import PhraseField
from attune.kernel.phrases import say


class ChoiceField(serializers.ChoiceField):
    """One of some words; who gives another is told which there are."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except serializers.ValidationError as refusal:
            told = say("Choose one of %(names)s.", names=[str(one) for one in self.choices])
            raise serializers.ValidationError(told, code="invalid_choice") from refusal


PERSONAL = "contacts.view_personal"


def sees_names(request: Request | None) -> bool:
    """Whether the key that asks may read what tells who somebody is."""
    return request is not None and PERSONAL in getattr(request.auth, "scopes", ())


class ModelSerializer(serializers.ModelSerializer):
    """A phrase is text to programs: its English sentence. Fields named in `Meta.personal` are null
    to keys that may not read names (without the request that is everybody)."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().to_representation(instance)
        hidden = getattr(self.Meta, "personal", ())
        if hidden and not sees_names(self.context.get("request")):
            found.update(dict.fromkeys(hidden))
        return found

    def build_standard_field(
        self, field_name: str, model_field: models.Field[Any, Any]
    ) -> tuple[Any, dict[str, Any]]:
        if isinstance(model_field, PhraseField):
            return serializers.CharField, {"read_only": True}
        return super().build_standard_field(field_name, model_field)
