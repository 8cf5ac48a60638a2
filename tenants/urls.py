from django.urls import path

from tenants import branding, views, views_clients

app_name = "tenants"
urlpatterns = [
    path("", views.start, name="start"),
    path("new", views.new, name="new"),
    path("clients/<slug:slug>/new", views_clients.new, name="new-client"),
    path("clients/<slug:slug>/<int:pk>", views_clients.client, name="client"),
    path("clients/<slug:slug>/<int:pk>/adopt", views_clients.adopt, name="adopt-client"),
    path("clients/<slug:slug>/<int:pk>/release", views_clients.release, name="release-client"),
    path("brand/<str:token>/style.css", branding.style, name="brand-style"),
    path("brand/<str:token>/logo", branding.logo, name="logo"),
    path("appearance", views.appearance, name="appearance"),
    path("invitation/<str:token>", views.accept, name="accept"),
]
