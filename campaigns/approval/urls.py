from django.urls import path

from campaigns.approval import views

app_name = "approval"
urlpatterns = [
    path("<uuid:pk>/links", views.make_link, name="make-link"),
    path("links/<uuid:pk>/revoke", views.revoke_link, name="revoke-link"),
    path("<uuid:pk>/assign", views.assign, name="assign"),
    path("briefs/<uuid:pk>/submit", views.submit_many, name="submit-many"),
    path("", views.queue, name="queue"),
    path("bulk", views.bulk, name="bulk"),
    path("<uuid:pk>", views.review, name="review"),
    path("<uuid:pk>/row", views.row, name="row"),
    path("<uuid:pk>/edit", views.edit_here, name="edit-here"),
    path("<uuid:pk>/decide", views.decide, name="decide"),
    path("revisions/<uuid:pk>/edit", views.edit, name="edit"),
    path("revisions/<uuid:pk>/submit", views.submit, name="submit"),
]
