from django.urls import path

from campaigns.delivery import views, views_preview, views_revise

app_name = "delivery_pages"
urlpatterns = [
    path("", views.campaigns, name="campaigns"),
    path("new", views.new, name="new"),
    path("calendar", views.month, name="calendar"),
    path("outbox", views.outbox, name="outbox"),
    path("outbox/<uuid:pk>", views.message, name="message"),
    path("outbox/<uuid:pk>/page", views_preview.message_html, name="message-html"),
    path("suppressions", views.suppressions, name="suppressions"),
    path("preview/<uuid:pk>", views_preview.preview, name="preview"),
    path("preview/<uuid:pk>/page", views_preview.preview_html, name="preview-html"),
    path("preview/<uuid:pk>/test", views_preview.test, name="test"),
    path("<uuid:pk>", views.campaign, name="campaign"),
    path("<uuid:pk>/edit", views.edit, name="edit"),
    path("<uuid:pk>/reach", views.audience_reach, name="reach"),
    path("<uuid:pk>/revise", views_revise.revise, name="revise"),
    path("<uuid:pk>/move", views.move, name="move"),
]
