from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "attune.kernel"
    label = "kernel"
