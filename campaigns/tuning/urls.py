from django.urls import path

from campaigns.tuning import views

app_name = "tuning"
urlpatterns = [
    path("", views.models, name="models"),
    path("evidence", views.evidence, name="evidence"),
    path("train", views.train, name="train"),
    path("roll-back", views.roll_back, name="roll-back"),
    path("forget", views.forget, name="forget"),
    path("usage", views.usage, name="usage"),
    path("servers/new", views.server, name="new-server"),
    path("servers/<uuid:pk>", views.server, name="server"),
    path("servers/<uuid:pk>/remove", views.remove_server, name="remove-server"),
    path("<uuid:pk>", views.version, name="version"),
    path("<uuid:pk>/move", views.move, name="move"),
    path("<uuid:pk>/cancel", views.cancel, name="cancel"),
]
