from django.urls import path

from tenants import design, views, views_clients, views_people, views_usage

app_name = "workspace"
urlpatterns = [
    path("settings", views.settings, name="settings"),
    path("settings/members", views_people.members, name="members"),
    path("settings/members/invite", views_people.invite, name="invite"),
    path("settings/members/<uuid:pk>", views_people.change_member, name="change-member"),
    path("settings/invitations/<uuid:pk>/withdraw", views_people.withdraw, name="withdraw"),
    path("settings/roles/new", views_people.role, name="new-role"),
    path("settings/roles/<uuid:pk>", views_people.role, name="role"),
    path("settings/roles/<uuid:pk>/drop", views_people.drop_role, name="drop-role"),
    path("settings/teams/new", views_people.team, name="new-team"),
    path("settings/teams/<uuid:pk>", views_people.team, name="team"),
    path("settings/teams/<uuid:pk>/drop", views_people.drop_team, name="drop-team"),
    path("settings/keys", views_people.api_keys, name="keys"),
    path("settings/keys/<uuid:pk>", views_people.change_key, name="change-key"),
    path("settings/usage", views_usage.usage, name="usage"),
    path("settings/brand", views_usage.brand, name="brand"),
    path("settings/agency", views_clients.agency, name="agency"),
    path("settings/agency/part", views_clients.part, name="part"),
    path("clients", views_clients.overview, name="clients"),
    path("settings/leave", views.leave, name="leave"),
    path("settings/copies/<uuid:pk>", views.copy, name="copy"),
    path("settings/sender", views.sender, name="sender"),
    path("settings/audit", views.audit, name="audit"),
    path("settings/audit/file", views.audit_file, name="audit-file"),
    path("undo", views.undo_deed, name="undo"),
    path("views", views.save_view, name="save-view"),
    path("views/<uuid:pk>/drop", views.drop_view, name="drop-view"),
    path("design", design.design, name="design"),
    path("jobs", views.job_list, name="jobs"),
    path("jobs/change", views.change_jobs, name="change-jobs"),
    path("jobs/<uuid:pk>", views.job, name="job"),
    path("jobs/<uuid:pk>/change", views.change_job, name="change-job"),
]
