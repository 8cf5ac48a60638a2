from django.urls import path

from insights.topics import views

app_name = "topics"
urlpatterns = [
    path("", views.topics, name="topics"),
    path("look", views.look, name="look"),
    path("outside", views.outside, name="outside"),
    path("put", views.put, name="put"),
    path("<uuid:pk>", views.topic, name="topic"),
    path("<uuid:pk>/change", views.change, name="change"),
]
