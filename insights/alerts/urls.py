from django.urls import path

from insights.alerts import views

app_name = "alerts"
urlpatterns = [
    path("", views.alerts, name="alerts"),
    path("watch", views.watch, name="watch"),
    path("week", views.week, name="week"),
    path("digest", views.digest, name="digest"),
    path("watches/<uuid:pk>", views.change, name="change"),
    path("mail", views.mail, name="mail"),
    path("endpoints/<uuid:pk>", views.call, name="call"),
    path("<uuid:pk>", views.alert, name="alert"),
    path("<uuid:pk>/see", views.see, name="see"),
    path("<uuid:pk>/explain", views.explain, name="explain"),
]
