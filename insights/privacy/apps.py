from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "insights.privacy"
