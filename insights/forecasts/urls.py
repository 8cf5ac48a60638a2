from django.urls import path

from insights.forecasts import views

app_name = "forecasts"
urlpatterns = [
    path("", views.forecasts, name="forecasts"),
    path("new", views.new, name="new"),
    path("occasions", views.occasions, name="occasions"),
    path("occasions/holidays", views.add_holidays, name="add_holidays"),
    path("occasions/<uuid:pk>/remove", views.remove_occasion, name="remove_occasion"),
    path("<uuid:pk>", views.forecast, name="forecast"),
    path("<uuid:pk>/behind", views.behind, name="behind"),
    path("<uuid:pk>/scenario", views.scenario, name="scenario"),
    path("<uuid:pk>/move", views.move, name="move"),
    path("<uuid:pk>/history", views.bring_in, name="bring_in"),
]
