from django.apps import AppConfig


class ApprovalConfig(AppConfig):
    name = "campaigns.approval"
