from django.apps import AppConfig


class FindingsConfig(AppConfig):
    name = "insights.findings"
