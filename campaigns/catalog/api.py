"""Products and facts over REST."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from attune.api.serializers import ModelSerializer
from attune.api.viewsets import ReadViewSet
from attune.kernel.locking import locked
from campaigns.catalog import services
from campaigns.catalog.models import Fact, Product


class ProductOut(ModelSerializer):
    class Meta:
        model = Product
        fields = (
            "id", "sku", "name", "category", "price_cents", "currency", "description", "url",
            "available",
        )  # fmt: skip
        read_only_fields = ("id",)


class ProductIn(serializers.Serializer):
    sku = serializers.CharField(max_length=60)
    name = serializers.CharField(max_length=160)
    category = serializers.CharField(max_length=100, default="", allow_blank=True)
    price_cents = serializers.IntegerField(min_value=0, max_value=10**12)
    currency = serializers.RegexField("^[A-Z]{3}$", default="EUR")
    description = serializers.CharField(default="", allow_blank=True, max_length=5000)
    url = serializers.URLField(default="", allow_blank=True)
    available = serializers.BooleanField(default=True)


class FactIn(serializers.Serializer):
    text = serializers.CharField(max_length=300)
    source = serializers.CharField(max_length=200, default="", allow_blank=True)
    valid_until = serializers.DateField(required=False, allow_null=True)


class FactOut(ModelSerializer):
    class Meta:
        model = Fact
        fields = ("id", "text", "source", "valid_until", "product_id")


class ProductViewSet(ReadViewSet):
    """What the workspace sells. Its fields are facts that copy may state."""

    model = Product
    serializer_class = ProductOut
    scopes: ClassVar = {
        "list": "catalog.view",
        "retrieve": "catalog.view",
        "create": "catalog.edit",
        "partial_update": "catalog.edit",
        "facts": "catalog.edit",
    }

    @extend_schema(request=ProductIn, responses={201: ProductOut})
    def create(self, request: Request) -> Response:
        data = ProductIn(data=request.data)
        data.is_valid(raise_exception=True)
        return Response(ProductOut(services.save_product(**data.validated_data)).data, status=201)

    @extend_schema(request=ProductIn(partial=True), responses=ProductOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        data = ProductIn(data=request.data, partial=True)
        data.is_valid(raise_exception=True)
        product = services.save_product(product=locked(self.get_object()), **data.validated_data)
        return Response(ProductOut(product).data)

    @extend_schema(request=FactIn, responses={201: FactOut})
    @action(detail=True, methods=["post"])
    def facts(self, request: Request, pk: str) -> Response:
        """Add a sentence that copy about this product may rely on."""
        data = FactIn(data=request.data)
        data.is_valid(raise_exception=True)
        fact = services.add_fact(product=self.get_object(), **data.validated_data)
        return Response(FactOut(fact).data, status=201)
