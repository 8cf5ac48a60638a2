from django.urls import path

from insights.risk import views

app_name = "risk"
urlpatterns = [
    path("", views.board, name="board"),
    path("new", views.new, name="new"),
    path("campaigns/<uuid:pk>", views.campaign, name="campaign"),
    path("<uuid:pk>", views.risk, name="risk"),
    path("<uuid:pk>/people", views.people, name="people"),
    path("<uuid:pk>/move", views.move, name="move"),
    path("<uuid:pk>/win-back", views.win_back, name="win_back"),
]
