from django.urls import path

from campaigns.approval import public

app_name = "guests"
urlpatterns = [path("review/<str:token>", public.review, name="review")]
