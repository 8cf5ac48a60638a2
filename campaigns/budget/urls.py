from django.urls import path

from campaigns.budget import views

app_name = "budget"
urlpatterns = [
    path("", views.budgets, name="budgets"),
    path("new", views.new, name="new"),
    path("<uuid:pk>", views.budget, name="budget"),
    path("<uuid:pk>/spend", views.bring_in, name="bring_in"),
    path("<uuid:pk>/channels/remove", views.remove_channel, name="remove_channel"),
    path("<uuid:pk>/fit", views.fit, name="fit"),
    path("<uuid:pk>/lift", views.lift, name="lift"),
    path("<uuid:pk>/plan", views.new_plan, name="new_plan"),
    path("lifts/<uuid:pk>/remove", views.remove_lift, name="remove_lift"),
    path("plans/<uuid:pk>", views.plan, name="plan"),
    path("plans/<uuid:pk>/decide", views.decide, name="decide"),
]
