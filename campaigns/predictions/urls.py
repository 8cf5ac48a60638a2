from django.urls import path

from campaigns.predictions import views

app_name = "predictions"
urlpatterns = [
    path("", views.predictions, name="predictions"),
    path("new", views.new, name="new"),
    path("<uuid:pk>", views.prediction, name="prediction"),
    path("<uuid:pk>/people", views.people, name="people"),
    path("<uuid:pk>/move", views.move, name="move"),
]
