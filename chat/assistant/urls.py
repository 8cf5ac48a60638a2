from django.urls import path

from chat.assistant import views

app_name = "assistant"
urlpatterns = [
    path("", views.overview, name="quality"),
    path("gaps", views.find, name="find-gaps"),
    path("conversations/<uuid:pk>/report", views.report, name="report"),
    path("conversations/<uuid:pk>/draft", views.draft, name="draft"),
    path("conversations/<uuid:pk>/draft/ask", views.ask_draft, name="ask-draft"),
    path("conversations/<uuid:pk>/draft/send", views.send_draft, name="send-draft"),
    path("conversations/<uuid:pk>/draft/discard", views.discard_draft, name="discard-draft"),
    path("conversations/<uuid:pk>/mood", views.mood, name="mood"),
    path("reports/<uuid:pk>/settle", views.settle, name="settle"),
    path("suggestions/<uuid:pk>", views.suggestion, name="suggestion"),
]
