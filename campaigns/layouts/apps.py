from django.apps import AppConfig


class LayoutsConfig(AppConfig):
    name = "campaigns.layouts"
