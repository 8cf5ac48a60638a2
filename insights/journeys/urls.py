from django.urls import path

from insights.journeys import views

app_name = "journeys"
urlpatterns = [
    path("", views.journeys, name="journeys"),
    path("new", views.new, name="new"),
    path("<uuid:pk>", views.journey, name="journey"),
    path("<uuid:pk>/edit", views.edit, name="edit"),
    path("<uuid:pk>/mine", views.mine, name="mine"),
    path("<uuid:pk>/remove", views.remove, name="remove"),
]
