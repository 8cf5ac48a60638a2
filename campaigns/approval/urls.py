from django.urls import path

from campaigns.approval import views

app_name = "approval"
urlpatterns = [
    path("", views.queue, name="queue"),
    path("bulk", views.bulk, name="bulk"),
    path("<uuid:pk>", views.review, name="review"),
    path("<uuid:pk>/decide", views.decide, name="decide"),
    path("revisions/<uuid:pk>/edit", views.edit, name="edit"),
    path("revisions/<uuid:pk>/submit", views.submit, name="submit"),
]
