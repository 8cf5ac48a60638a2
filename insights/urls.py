from django.urls import path

from insights import views

app_name = "insights"
urlpatterns = [
    path("", views.home, name="home"),
    path("search", views.search, name="search"),
    path("notices", views.notices, name="notices"),
    path("notices/read", views.read_notices, name="read-notices"),
    path("chain/<uuid:pk>", views.message_chain, name="chain"),
]
