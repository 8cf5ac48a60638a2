from django.urls import path

from chat.conversations import public

app_name = "widget"
urlpatterns = [
    path("chat/files/<str:token>", public.download, name="file"),
    path("chat/<str:key>/config", public.Config.as_view(), name="config"),
    path("chat/<str:key>/session", public.Begin.as_view(), name="session"),
    path("chat/<str:key>/start", public.Start.as_view(), name="start"),
    path("chat/<str:key>/messages", public.Messages.as_view(), name="messages"),
    path("chat/<str:key>/person", public.Person.as_view(), name="person"),
    path("chat/<str:key>/rating", public.Rate.as_view(), name="rating"),
    path("chat/<str:key>/files", public.Files.as_view(), name="files"),
]
