from django.urls import path

from campaigns.contacts import views

app_name = "contacts"
urlpatterns = [
    path("", views.people, name="people"),
    path("people/<uuid:pk>", views.person, name="person"),
    path("people/<uuid:pk>/trait", views.set_trait, name="trait"),
    path("people/<uuid:pk>/consent", views.consent, name="consent"),
    path("merges/<uuid:pk>/undo", views.undo_merge, name="undo-merge"),
    path("imports", views.files, name="files"),
    path("imports/<uuid:pk>", views.file, name="file"),
    path("imports/<uuid:pk>/problems.csv", views.problems, name="problems"),
    path("events", views.events, name="events"),
    path("events/replay", views.replay_many, name="replay-many"),
    path("events/<uuid:pk>/replay", views.replay, name="replay"),
]
