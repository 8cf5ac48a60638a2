from django.urls import path

from campaigns.predictions import views

app_name = "predictions"
urlpatterns = [
    path("", views.predictions, name="predictions"),
    path("new", views.new, name="new"),
    path("<uuid:pk>", views.prediction, name="prediction"),
    path("<uuid:pk>/people", views.people, name="people"),
    path("<uuid:pk>/move", views.move, name="move"),
    path("uplift/<uuid:pk>", views.uplift, name="uplift"),
    path("uplift/<uuid:pk>/ask", views.ask_uplift, name="ask_uplift"),
]
