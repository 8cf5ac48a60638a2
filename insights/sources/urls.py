from django.urls import path

from insights.sources import views

app_name = "sources"
urlpatterns = [
    path("", views.sources, name="sources"),
    path("new", views.new, name="new"),
    path("aside", views.aside, name="aside"),
    path("aside/let-in", views.let_in, name="let-in"),
    path("files/<uuid:pk>", views.file, name="file"),
    path("files/<uuid:pk>/not-taken.csv", views.problems, name="problems"),
    path("<uuid:pk>", views.source, name="source"),
    path("<uuid:pk>/edit", views.edit, name="edit"),
    path("<uuid:pk>/move", views.move, name="move"),
    path("<uuid:pk>/upload", views.upload, name="upload"),
    path("<uuid:pk>/paste", views.paste, name="paste"),
    path("<uuid:pk>/door", views.door, name="door"),
]
