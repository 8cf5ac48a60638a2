from django.urls import path

from campaigns.content import views

app_name = "content"
urlpatterns = [
    path("", views.briefs, name="briefs"),
    path("briefs/new", views.new_brief, name="new-brief"),
    path("briefs/<uuid:pk>", views.brief, name="brief"),
    path("briefs/<uuid:pk>/edit", views.edit_brief, name="edit-brief"),
    path("briefs/<uuid:pk>/generate", views.generate, name="generate"),
    path("briefs/<uuid:pk>/compare", views.compare, name="compare"),
    path("briefs/<uuid:pk>/cancel", views.cancel, name="cancel"),
    path("messages/new", views.new_message, name="new-message"),
    path("revisions/<uuid:pk>", views.revision, name="revision"),
]
