from django.urls import path

from chat.dialogue import learning, views

app_name = "dialogue"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("begin", views.begin, name="begin"),
    path("intents/new", views.intent, name="new-intent"),
    path("intents/<uuid:pk>", views.intent, name="intent"),
    path("outside", views.outside, name="outside"),
    path("slots/new", views.slot, name="new-slot"),
    path("slots/<uuid:pk>", views.slot, name="slot"),
    path("tasks/new", views.task, name="new-task"),
    path("tasks/<uuid:pk>", views.task, name="task"),
    path("scripts/new", views.script, name="new-script"),
    path("scripts/<uuid:pk>", views.script, name="script"),
    path("replies/<uuid:pk>", views.allow, name="allow"),
    path("versions", learning.versions, name="versions"),
    path("versions/train", learning.train, name="train"),
    path("versions/<uuid:pk>", learning.version, name="version"),
    path("versions/<uuid:pk>/move", learning.move, name="move"),
    path("versions/<uuid:pk>/cancel", learning.cancel, name="cancel"),
    path("past", learning.past, name="past"),
    path("past/own", learning.take_own, name="take-own"),
    path("past/upload", learning.upload, name="upload"),
    path("past/<uuid:pk>", learning.past_file, name="past-file"),
    path("past/<uuid:pk>/forget", learning.forget, name="forget"),
    path("conversations/<uuid:pk>", learning.log, name="log"),
    path("conversations/<uuid:pk>/rewind", learning.rewind, name="rewind"),
]
