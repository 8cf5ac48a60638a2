from django.apps import AppConfig


class DashboardsConfig(AppConfig):
    name = "insights.dashboards"
