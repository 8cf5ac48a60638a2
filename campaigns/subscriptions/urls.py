from django.urls import path

from campaigns.subscriptions import views

app_name = "subscriptions"
urlpatterns = [
    path("", views.topics, name="topics"),
    path("new", views.new, name="new"),
    path("<uuid:pk>", views.edit, name="edit"),
    path("<uuid:pk>/archive", views.archive, name="archive"),
]
