from django.urls import path

from insights import views

app_name = "insights"
urlpatterns = [
    path("", views.home, name="home"),
    path("chain/<uuid:pk>", views.message_chain, name="chain"),
]
