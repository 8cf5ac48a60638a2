from django.urls import path

from campaigns.strategy import views, views_banks

app_name = "strategy"
urlpatterns = [
    path("", views.policies, name="policies"),
    path("new", views.new, name="new"),
    path("<uuid:pk>", views.policy, name="policy"),
    path("<uuid:pk>/edit", views.edit, name="edit"),
    path("<uuid:pk>/move", views.move, name="move"),
    path("<uuid:pk>/work", views.work, name="work"),
    path("<uuid:pk>/decisions", views.decisions, name="decisions"),
    path("<uuid:pk>/log", views.hand_out, name="hand_out"),
    path("<uuid:pk>/logs", views.bring_in, name="bring_in"),
    path("<uuid:pk>/constraints/new", views_banks.new_constraint, name="constraint"),
    path("<uuid:pk>/fairness/new", views_banks.new_fairness, name="fairness"),
    path("banks/new", views_banks.new_bank, name="new_bank"),
    path("banks/<uuid:pk>", views_banks.bank, name="bank"),
    path("options/<uuid:pk>/use", views_banks.use_option, name="use_option"),
    path("constraints/<uuid:pk>/move", views_banks.move_constraint, name="move_constraint"),
    path("fairness/<uuid:pk>/remove", views_banks.remove_fairness, name="remove_fairness"),
    path("versions/<uuid:pk>", views.version, name="version"),
    path("versions/<uuid:pk>/judge", views.judge, name="judge"),
    path("versions/<uuid:pk>/ramp", views.begin, name="begin"),
    path("ramps/<uuid:pk>/steer", views.steer, name="steer"),
    path("logs/<uuid:pk>", views.past_log, name="past_log"),
    path("decisions/<uuid:pk>", views.decision, name="decision"),
]
