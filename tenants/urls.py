from django.urls import path

from tenants import views

app_name = "tenants"
urlpatterns = [
    path("", views.start, name="start"),
    path("new", views.new, name="new"),
    path("appearance", views.appearance, name="appearance"),
    path("invitation/<str:token>", views.accept, name="accept"),
]
