from django.urls import path

from insights.findings import views, views_reports

app_name = "findings"
urlpatterns = [
    path("", views.findings, name="findings"),
    path("look", views.look, name="look"),
    path("write", views.write, name="write"),
    path("reports", views_reports.reports, name="reports"),
    path("reports/ask", views_reports.ask, name="ask"),
    path("reports/write", views_reports.write_report, name="write-report"),
    path("reports/<uuid:pk>", views_reports.report, name="report"),
    path("<uuid:pk>", views.finding, name="finding"),
    path("<uuid:pk>/move", views.move, name="move"),
    path("<uuid:pk>/own", views.own, name="own"),
    path("<uuid:pk>/act", views.act, name="act"),
    path("<uuid:pk>/evidence", views.add_evidence, name="add-evidence"),
]
