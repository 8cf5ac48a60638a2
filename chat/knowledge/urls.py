from django.urls import path

from chat.knowledge import views

app_name = "knowledge"
urlpatterns = [
    path("", views.documents, name="documents"),
    path("ask", views.ask, name="ask"),
    path("new", views.new, name="new"),
    path("upload", views.upload, name="upload"),
    path("catalogue", views.catalogue, name="catalogue"),
    path("<uuid:pk>", views.document, name="document"),
    path("<uuid:pk>/edit", views.edit, name="edit"),
    path("<uuid:pk>/archive", views.archive, name="archive"),
]
