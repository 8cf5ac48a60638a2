from django.apps import AppConfig


class AssistantConfig(AppConfig):
    name = "chat.assistant"

    def ready(self) -> None:
        from chat.assistant import complaints  # noqa: PLC0415 - models are not there before

        complaints.register()
