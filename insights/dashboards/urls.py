from django.urls import path

from insights.dashboards import views

app_name = "dashboards"
urlpatterns = [
    path("", views.board, name="board"),
    path("people", views.people, name="people"),
    path("export", views.export, name="export"),
    path("people/export", views.export_people, name="export-people"),
    path("sql", views.sql, name="sql"),
    path("cost/<uuid:pk>", views.cost, name="cost"),
]
