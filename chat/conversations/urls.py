from django.urls import path

from chat.conversations import views

app_name = "conversations"
urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("available", views.available, name="available"),
    path("files/<uuid:pk>", views.file, name="file"),
    path("<uuid:pk>", views.conversation, name="conversation"),
    path("<uuid:pk>/reply", views.reply, name="reply"),
    path("<uuid:pk>/typing", views.typing, name="typing"),
    path("<uuid:pk>/note", views.note, name="note"),
    path("<uuid:pk>/take", views.take, name="take"),
    path("<uuid:pk>/hand-back", views.hand_back, name="hand-back"),
    path("<uuid:pk>/assign", views.assign, name="assign"),
    path("<uuid:pk>/snooze", views.snooze, name="snooze"),
    path("<uuid:pk>/resolve", views.resolve, name="resolve"),
    path("<uuid:pk>/reopen", views.reopen, name="reopen"),
    path("<uuid:pk>/priority", views.priority, name="priority"),
    path("<uuid:pk>/labels", views.labels, name="labels"),
    path("<uuid:pk>/block", views.block, name="block"),
]
