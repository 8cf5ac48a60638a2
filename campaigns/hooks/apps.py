from django.apps import AppConfig


class HooksConfig(AppConfig):
    name = "campaigns.hooks"

    def ready(self) -> None:
        from campaigns.hooks import hearing  # noqa: PLC0415 - models are not there before

        hearing.listen()
