from django.urls import path

from chat.assistant import views

app_name = "assistant"
urlpatterns = [
    path("", views.overview, name="quality"),
    path("gaps", views.find, name="find-gaps"),
    path("conversations/<uuid:pk>/report", views.report, name="report"),
    path("reports/<uuid:pk>/settle", views.settle, name="settle"),
    path("suggestions/<uuid:pk>", views.suggestion, name="suggestion"),
]
