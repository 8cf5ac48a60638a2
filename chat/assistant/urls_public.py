from django.urls import path

from chat.assistant import public

app_name = "widget-assistant"
urlpatterns = [
    path("chat/<str:key>/report", public.ReportAnswer.as_view(), name="report"),
]
