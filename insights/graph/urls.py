from django.urls import path

from insights.graph import views

app_name = "graph"
urlpatterns = [
    path("", views.graph, name="graph"),
    path("draw", views.draw, name="draw"),
    path("competitors/new", views.competitor, name="new-competitor"),
    path("competitors/<uuid:pk>", views.competitor, name="competitor"),
    path("competitors/<uuid:pk>/forget", views.forget, name="forget"),
    path("relations/<uuid:pk>", views.relation, name="relation"),
    path("relations/<uuid:pk>/move", views.move, name="move"),
    path("<uuid:pk>", views.entity, name="entity"),
]
