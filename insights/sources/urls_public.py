from django.urls import path

from insights.sources import public

app_name = "sources-in"
urlpatterns = [path("in/<str:token>", public.hook, name="hook")]
