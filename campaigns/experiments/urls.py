from django.urls import path

from campaigns.experiments import views

app_name = "experiments"
urlpatterns = [
    path("", views.experiments, name="experiments"),
    path("new", views.new, name="new"),
    path("metrics/new", views.metric, name="metric"),
    path("<uuid:pk>", views.experiment, name="experiment"),
    path("<uuid:pk>/start", views.start, name="start"),
    path("<uuid:pk>/move", views.move, name="move"),
]
