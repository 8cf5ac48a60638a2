from django.urls import path

from chat.inboxes import views

app_name = "inboxes"
urlpatterns = [
    path("", views.inboxes, name="inboxes"),
    path("new", views.new, name="new"),
    path("<uuid:pk>", views.inbox, name="inbox"),
    path("<uuid:pk>/preview", views.preview, name="preview"),
    path("<uuid:pk>/secret", views.renew_secret, name="renew-secret"),
    path("<uuid:pk>/close", views.close, name="close"),
    path("canned/new", views.canned, name="new-canned"),
    path("canned/<uuid:pk>", views.canned, name="canned"),
    path("canned/<uuid:pk>/remove", views.remove_canned, name="remove-canned"),
]
