from typing import Any

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "campaigns.delivery"

    def ready(self) -> None:
        from anymail.signals import tracking  # noqa: PLC0415 - its models are not there before

        from campaigns.delivery import bounces  # noqa: PLC0415

        def hear(sender: Any, event: Any, esp_name: str, **_: Any) -> None:
            bounces.from_provider(event, esp_name)

        tracking.connect(hear, weak=False, dispatch_uid="campaigns.delivery.bounces")
