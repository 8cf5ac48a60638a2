from django.urls import path

from campaigns.automations import views

app_name = "automations"
urlpatterns = [
    path("", views.journeys, name="journeys"),
    path("new", views.new, name="new"),
    path("of/<uuid:pk>", views.of_campaign, name="of-campaign"),
    path("<uuid:pk>", views.journey, name="journey"),
    path("<uuid:pk>/settings", views.settings, name="settings"),
    path("<uuid:pk>/entry", views.entry, name="entry"),
    path("<uuid:pk>/step", views.step, name="step"),
    path("<uuid:pk>/remove", views.remove, name="remove"),
    path("<uuid:pk>/publish", views.publish, name="publish"),
    path("<uuid:pk>/move", views.move, name="move"),
    path("<uuid:pk>/people", views.people, name="people"),
    path("<uuid:pk>/reach", views.entry_reach, name="reach"),
    path("way/<uuid:pk>", views.run, name="run"),
    path("way/<uuid:pk>/out", views.take_out, name="take-out"),
]
