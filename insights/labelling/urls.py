from django.urls import path

from insights.labelling import views

app_name = "labelling"
urlpatterns = [
    path("", views.labels, name="labels"),
    path("draw", views.draw, name="draw"),
    path("take", views.take, name="take"),
    path("queue", views.queue, name="queue"),
    path("accuracy", views.accuracy, name="accuracy"),
    path("export", views.export, name="export"),
    path("<uuid:pk>/label", views.label, name="label"),
    path("<uuid:pk>/settle", views.settle, name="settle"),
]
