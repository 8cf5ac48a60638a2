from django.urls import path

from campaigns.segments import views

app_name = "segments"
urlpatterns = [
    path("", views.segments, name="segments"),
    path("new", views.new, name="new"),
    path("preview", views.preview, name="preview"),
    path("<uuid:pk>", views.segment, name="segment"),
    path("<uuid:pk>/edit", views.edit, name="edit"),
    path("<uuid:pk>/archive", views.archive, name="archive"),
    path("<uuid:pk>/restore", views.restore, name="restore"),
    path("<uuid:pk>/why", views.why, name="why"),
]
