from django.urls import path

from insights.privacy import views

app_name = "privacy-public"
urlpatterns = [path("d/<str:token>", views.ask, name="ask")]
