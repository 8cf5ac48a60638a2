from django.urls import path

from insights.privacy import views

app_name = "privacy"
urlpatterns = [
    path("", views.requests, name="requests"),
    path("keep", views.keep, name="keep"),
    path("<uuid:pk>/settle", views.settle, name="settle"),
    path("person/<uuid:pk>/copy", views.copy, name="copy"),
    path("person/<uuid:pk>/erase", views.erase, name="erase"),
]
