from django.urls import path

from campaigns.delivery import public

app_name = "delivery"
urlpatterns = [
    path("u/<str:token>", public.unsubscribe, name="unsubscribe"),
    path("c/<str:token>", public.click, name="click"),
]
