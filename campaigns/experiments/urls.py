from django.urls import path

from campaigns.experiments import views, views_planning

app_name = "experiments"
urlpatterns = [
    path("", views.experiments, name="experiments"),
    path("new", views.new, name="new"),
    path("metrics/new", views.metric, name="metric"),
    path("plan", views_planning.plan, name="plan"),
    path("learnings", views_planning.learned, name="learnings"),
    path("learnings/new", views_planning.learn, name="learn"),
    path("learnings/<uuid:pk>", views_planning.learning, name="learning"),
    path("learnings/<uuid:pk>/weigh", views_planning.weigh, name="weigh"),
    path("<uuid:pk>/approve", views_planning.approve, name="approve"),
    path("<uuid:pk>", views.experiment, name="experiment"),
    path("<uuid:pk>/edit", views.edit, name="edit"),
    path("<uuid:pk>/start", views.start, name="start"),
    path("<uuid:pk>/move", views.move, name="move"),
]
