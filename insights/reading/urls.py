from django.urls import path

from insights.reading import views

app_name = "reading"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("ratings", views.ratings, name="ratings"),
    path("texts", views.documents, name="documents"),
    path("texts/<uuid:pk>", views.document, name="document"),
    path("texts/<uuid:pk>/aside", views.set_aside, name="set-aside"),
    path("features/<uuid:pk>", views.feature, name="feature"),
    path("features/<uuid:pk>/change", views.change, name="change"),
]
