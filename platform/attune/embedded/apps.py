from django.apps import AppConfig


class EmbeddedConfig(AppConfig):
    name = "attune.embedded"
    label = "embedded"
