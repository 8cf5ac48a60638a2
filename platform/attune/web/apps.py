from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "attune.web"
    label = "web"
