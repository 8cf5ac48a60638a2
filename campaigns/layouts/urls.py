from django.urls import path

from campaigns.layouts import views

app_name = "layouts"
urlpatterns = [
    path("", views.templates, name="templates"),
    path("new", views.new, name="new"),
    path("<uuid:pk>", views.edit, name="edit"),
    path("<uuid:pk>/archive", views.archive, name="archive"),
    path("version/<uuid:pk>", views.shown, name="shown"),
]
