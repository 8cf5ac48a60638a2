from django.urls import path

from campaigns.delivery import public

app_name = "delivery"
urlpatterns = [
    path("u/<str:token>", public.unsubscribe, name="unsubscribe"),
    path("c/<str:token>", public.click, name="click"),
    path("o/<str:token>.gif", public.opened, name="opened"),
    path("p/<str:token>", public.preferences, name="preferences"),
    path("y/<str:token>", public.confirm, name="confirm"),
    path("s/<str:token>", public.sign_up, name="sign-up"),
]
