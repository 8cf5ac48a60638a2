from django.urls import path

from tenants import design, views

app_name = "workspace"
urlpatterns = [
    path("settings", views.settings, name="settings"),
    path("settings/members", views.members, name="members"),
    path("settings/members/invite", views.invite, name="invite"),
    path("settings/members/<uuid:pk>", views.change_member, name="change-member"),
    path("settings/keys", views.keys, name="keys"),
    path("settings/keys/<uuid:pk>", views.change_key, name="change-key"),
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
