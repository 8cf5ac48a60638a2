from django.urls import path

from campaigns.catalog import views

app_name = "catalog"
urlpatterns = [
    path("", views.products, name="products"),
    path("new", views.new, name="new"),
    path("voice", views.voice, name="voice"),
    path("<uuid:pk>", views.product, name="product"),
    path("<uuid:pk>/facts", views.add_fact, name="add-fact"),
    path("facts/<uuid:pk>/remove", views.remove_fact, name="remove-fact"),
]
