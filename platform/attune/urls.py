"""Every address of the house."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from attune.api.router import make_router
from attune.web import health, measuring, words
from campaigns.approval.api import ReviewViewSet
from campaigns.automations.api import JourneyRunViewSet, JourneyViewSet
from campaigns.budget.api import BudgetFitViewSet, BudgetPlanViewSet, BudgetViewSet
from campaigns.catalog.api import ProductViewSet
from campaigns.contacts.api import Batch, ContactViewSet, RejectedEventViewSet, SingleEvent
from campaigns.content.api import BriefViewSet, RevisionViewSet, RunViewSet
from campaigns.delivery.api import (
    BounceViewSet,
    CampaignViewSet,
    Decide,
    SendViewSet,
)
from campaigns.experiments import public as sdk
from campaigns.experiments.api import DecisionViewSet, ExperimentViewSet, MetricViewSet
from campaigns.hooks.api import EndpointViewSet, WebhookDeliveryViewSet
from campaigns.predictions.api import PredictionRunViewSet, PredictionViewSet, ScoreViewSet
from campaigns.segments.api import SegmentViewSet
from campaigns.strategy.api import (
    OffPolicyEstimateViewSet,
    PolicyVersionViewSet,
    PolicyViewSet,
    RampViewSet,
)
from campaigns.subscriptions.api import Subscribe, SubscriptionTopicViewSet
from campaigns.tuning.api import VersionViewSet
from chat.conversations.api import ConversationViewSet
from chat.knowledge.api import DocumentViewSet
from insights.api import SendChain
from insights.findings.api import FindingViewSet
from insights.forecasts.api import ForecastCheckViewSet, ForecastViewSet, SeriesViewSet
from insights.graph.api import EntityViewSet, RelationViewSet
from insights.privacy.api import PersonData
from insights.reading.api import ReadingViewSet
from insights.risk.api import RiskRunViewSet, RiskScoreViewSet, RiskViewSet
from insights.sources.api import SourceViewSet, TextViewSet
from insights.topics.api import BelongingViewSet, TopicViewSet
from tenants.api import AuditViewSet, JobViewSet, Usage, Workspace
from tenants.api_clients import Clients
from workers.serving import ChatView, EmbeddingsView, ModelsView

handler404 = "attune.web.pages.not_found"
handler500 = "attune.web.pages.server_error"
router = make_router()
for name, view in {
    "contacts": ContactViewSet,
    "rejected-events": RejectedEventViewSet,
    "segments": SegmentViewSet,
    "products": ProductViewSet,
    "briefs": BriefViewSet,
    "runs": RunViewSet,
    "revisions": RevisionViewSet,
    "reviews": ReviewViewSet,
    "metrics": MetricViewSet,
    "model-versions": VersionViewSet,
    "experiments": ExperimentViewSet,
    "decisions": DecisionViewSet,
    "policies": PolicyViewSet,
    "policy-versions": PolicyVersionViewSet,
    "off-policy-estimates": OffPolicyEstimateViewSet,
    "ramps": RampViewSet,
    "campaigns": CampaignViewSet,
    "journeys": JourneyViewSet,
    "journey-runs": JourneyRunViewSet,
    "subscription-topics": SubscriptionTopicViewSet,
    "sends": SendViewSet,
    "bounces": BounceViewSet,
    "endpoints": EndpointViewSet,
    "webhook-deliveries": WebhookDeliveryViewSet,
    "conversations": ConversationViewSet,
    "knowledge": DocumentViewSet,
    "sources": SourceViewSet,
    "documents": TextViewSet,
    "readings": ReadingViewSet,
    "topics": TopicViewSet,
    "topic-belongings": BelongingViewSet,
    "entities": EntityViewSet,
    "relations": RelationViewSet,
    "findings": FindingViewSet,
    "predictions": PredictionViewSet,
    "prediction-runs": PredictionRunViewSet,
    "scores": ScoreViewSet,
    "series": SeriesViewSet,
    "forecasts": ForecastViewSet,
    "risks": RiskViewSet,
    "risk-runs": RiskRunViewSet,
    "risk-scores": RiskScoreViewSet,
    "forecast-checks": ForecastCheckViewSet,
    "budgets": BudgetViewSet,
    "budget-fits": BudgetFitViewSet,
    "budget-plans": BudgetPlanViewSet,
    "jobs": JobViewSet,
    "audit": AuditViewSet,
}.items():
    router.register(name, view, basename=f"api-{name}")

api = [
    *(
        path(f"v1/{kind}", SingleEvent.as_view(kind=kind), name=f"api-{kind}")
        for kind in ("identify", "track", "page", "screen", "group", "alias")
    ),
    path("v1/batch", Batch.as_view(), name="api-batch"),
    path("v1/decide", Decide.as_view(), name="api-decide"),
    path("v1/contacts/<uuid:pk>/data", PersonData.as_view(), name="api-person-data"),
    path("v1/subscriptions", Subscribe.as_view(), name="api-subscriptions"),
    path("v1/chat/completions", ChatView.as_view(), name="api-chat-completions"),
    path("v1/embeddings", EmbeddingsView.as_view(), name="api-embeddings"),
    path("v1/models", ModelsView.as_view(), name="api-models"),
    path("v1/clients", Clients.as_view(), name="api-clients"),
    path("v1/usage", Usage.as_view(), name="api-usage"),
    path("v1/workspace", Workspace.as_view(), name="api-workspace"),
    path("v1/sends/<uuid:pk>/chain", SendChain.as_view(), name="api-send-chain"),
    path("v1/", include(router.urls)),
]
workspace = [
    path("", include("insights.urls")),
    path("", include("tenants.urls_workspace")),
    path("audience/", include("campaigns.contacts.urls")),
    path("segments/", include("campaigns.segments.urls")),
    path("catalog/", include("campaigns.catalog.urls")),
    path("content/", include("campaigns.content.urls")),
    path("review/", include("campaigns.approval.urls")),
    path("models/", include("campaigns.tuning.urls")),
    path("experiments/", include("campaigns.experiments.urls")),
    path("predictions/", include("campaigns.predictions.urls")),
    path("strategy/", include("campaigns.strategy.urls")),
    path("budget/", include("campaigns.budget.urls")),
    path("campaigns/", include("campaigns.delivery.urls_workspace")),
    path("endpoints/", include("campaigns.hooks.urls")),
    path("automations/", include("campaigns.automations.urls")),
    path("templates/", include("campaigns.layouts.urls")),
    path("subscriptions/", include("campaigns.subscriptions.urls")),
    path("conversations/", include("chat.conversations.urls")),
    path("inboxes/", include("chat.inboxes.urls")),
    path("knowledge/", include("chat.knowledge.urls")),
    path("dialogue/", include("chat.dialogue.urls")),
    path("assistant/", include("chat.assistant.urls")),
    path("sources/", include("insights.sources.urls")),
    path("insights/", include("insights.reading.urls")),
    path("topics/", include("insights.topics.urls")),
    path("graph/", include("insights.graph.urls")),
    path("journeys/", include("insights.journeys.urls")),
    path("forecasts/", include("insights.forecasts.urls")),
    path("risk/", include("insights.risk.urls")),
    path("findings/", include("insights.findings.urls")),
    path("labels/", include("insights.labelling.urls")),
    path("alerts/", include("insights.alerts.urls")),
    path("privacy/", include("insights.privacy.urls")),
    path("results/", include("insights.dashboards.urls")),
]
urlpatterns = [
    *api,
    path("docs/api/schema", SpectacularAPIView.as_view(urlconf=api), name="schema"),
    path("docs/api", SpectacularSwaggerView.as_view(url_name="schema"), name="api-docs"),
    path("accounts/", include("allauth.urls")),
    path("words/<str:language>.js", words.script, name="words"),
    path("api/features/<str:key>", sdk.features, name="sdk-features"),
    path("metrics", measuring.metrics, name="metrics"),
    path("live", health.live, name="live"),
    path("ready", health.ready, name="ready"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("", include("campaigns.approval.urls_public")),
    path("", include("chat.conversations.urls_public")),
    path("", include("chat.assistant.urls_public")),
    path("", include("insights.sources.urls_public")),
    path("", include("insights.privacy.urls_public")),
    path("", include("campaigns.delivery.urls")),
    *([path("mail/", include("anymail.urls"))] if settings.ANYMAIL.get("WEBHOOK_SECRET") else []),
    path("", include("tenants.urls")),
    path("w/<slug:workspace>/", include(workspace)),
]
