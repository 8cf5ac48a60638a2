from django.urls import path

from campaigns.hooks import views

app_name = "hooks"
urlpatterns = [
    path("", views.endpoints, name="endpoints"),
    path("new", views.new, name="new"),
    path("<uuid:pk>", views.endpoint, name="endpoint"),
    path("<uuid:pk>/edit", views.edit, name="edit"),
    path("<uuid:pk>/move", views.move, name="move"),
    path("delivery/<uuid:pk>", views.attempt, name="attempt"),
    path("delivery/<uuid:pk>/replay", views.replay, name="replay"),
]
