"""People, workspaces, and the keys to them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from attune.kernel.models import JobRow, TenantModel
from attune.kernel.phrase_field import PhraseField
from attune.kernel.phrases import word
from attune.kernel.tenancy import TenantForeignKey
from tenants.roles import CUSTOM, Role, verbs_of

ROLES = [*((role.value, role.value) for role in Role), (CUSTOM, CUSTOM)]


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person who signs in. One person may belong to several workspaces."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True, default="")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(db_default=Now())
    theme = models.CharField(
        max_length=6,
        default="auto",
        choices=[("auto", _("As the system")), ("light", _("Light")), ("dark", _("Dark"))],
    )
    language = models.CharField(
        max_length=10, blank=True, default="",
        choices=[("", _("As the browser")), *settings.LANGUAGES],
    )  # fmt: skip

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.name or self.email


class Tenant(models.Model):
    """A workspace. Row-level security shows it only from inside its own context."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=120)
    status = models.CharField(max_length=8, choices=Status, default=Status.ACTIVE)
    timezone = models.CharField(max_length=50, default="UTC")
    currency = models.CharField(max_length=3, default="EUR")
    sender_name = models.CharField(max_length=120, blank=True, default="")
    sender_email = models.EmailField(blank=True, default="")
    postal_address = models.CharField(max_length=200, blank=True, default="")
    dkim_selector = models.SlugField(max_length=60, blank=True, default="")
    sender_findings = models.JSONField(default=list, blank=True)  # domains.Finding.stored
    sender_checked_at = models.DateTimeField(null=True, blank=True)
    parent_id = models.BigIntegerField(null=True, blank=True)  # the agency's workspace; a real key
    own_caps = models.JSONField(default=dict, blank=True)  # {kind: most a month}, by its people
    client_link = models.CharField(max_length=64, blank=True, default="")  # digest of an open one
    agency_caps = models.JSONField(default=dict, blank=True)  # by the agency; they go with it
    house_caps = models.JSONField(default=dict, blank=True)  # by who runs the house (grant_caps)
    warned = models.JSONField(default=dict, blank=True)  # {kind: [month, share told of]}
    metered_at = models.DateTimeField(null=True, blank=True)  # when its use was counted last
    brand_colour = models.CharField(max_length=7, blank=True, default="")
    brand_logo = models.FileField(upload_to="logos/%Y/%m", max_length=300, blank=True)
    brand_url = models.URLField(max_length=300, blank=True, default="")
    frequency_cap = models.PositiveSmallIntegerField(
        default=3, help_text=_("Most messages a contact may get in the window below.")
    )
    frequency_days = models.PositiveSmallIntegerField(default=7)
    quiet_from = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(23)])
    quiet_to = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(23)])
    patience_hours = models.PositiveSmallIntegerField(
        default=48, validators=[MaxValueValidator(24 * 31)]
    )  # how long a message waits for the frequency cap
    soft_bounces = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )
    approve_experiments = models.BooleanField(default=False)
    track_opens = models.BooleanField(default=True)
    spare_complaints = models.BooleanField(default=True)  # no campaign while one is open
    erase_at = models.DateTimeField(null=True, blank=True)  # an owner asked for it
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name

    @property
    def sender_domain(self) -> str:
        return self.sender_email.partition("@")[2].lower()


class CustomRole(TenantModel):
    """Verbs of the permission table (roles.py) under a name of the workspace's own."""

    name = models.CharField(max_length=60)
    about = models.CharField(max_length=200, blank=True, default="")
    verbs = models.JSONField(default=list)

    class Meta(TenantModel.Meta):
        db_table = "custom_role"
        constraints = [
            models.UniqueConstraint(name="one_role_a_name", fields=["tenant_id", "name"]),
        ]

    def __str__(self) -> str:
        return self.name


class Holder(TenantModel):
    """What holds one role: one of the house's, or one of the workspace's own (then `custom`)."""

    role = models.CharField(max_length=12, choices=ROLES)
    custom_role = TenantForeignKey(CustomRole, null=True, blank=True, on_delete=models.PROTECT)

    class Meta(TenantModel.Meta):
        abstract = True
        constraints = [
            models.CheckConstraint(
                name="%(class)s_has_one_role",
                condition=models.Q(role=CUSTOM, custom_role__isnull=False)
                | (~models.Q(role=CUSTOM) & models.Q(custom_role=None)),
            ),
        ]

    @property
    def choice(self) -> str:
        """The role as forms and services name it (custom_roles.chosen)."""
        return str(self.custom_role_id or self.role)

    @property
    def role_name(self) -> str:
        return str(self.custom_role or (word(self.role) if self.role else ""))

    @property
    def verbs(self) -> frozenset[str]:
        """What this role alone lets somebody do."""
        return verbs_of(self.role, granted=self.custom_role.verbs if self.custom_role else ())


class Membership(Holder):
    """A person's place in a workspace."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    for_agency = models.BooleanField(default=False)  # goes with the agency (clients.part)

    class Meta(Holder.Meta):
        abstract = False
        constraints = [
            *Holder.Meta.constraints,
            models.UniqueConstraint(name="one_membership_a_person", fields=["tenant_id", "user"]),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role_name})"


class Team(Holder):
    """Members who share work. Whoever is in it may also do what the team's role lets them."""

    role = models.CharField(max_length=12, choices=ROLES, blank=True, default="")
    name = models.CharField(max_length=60)

    class Meta(Holder.Meta):
        abstract = False
        db_table = "team"
        constraints = [
            *Holder.Meta.constraints,
            models.UniqueConstraint(name="one_team_a_name", fields=["tenant_id", "name"]),
        ]

    def __str__(self) -> str:
        return self.name


class TeamMember(TenantModel):
    team = TenantForeignKey(Team, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="teams")

    class Meta(TenantModel.Meta):
        db_table = "team_member"
        constraints = [
            models.UniqueConstraint(name="in_a_team_once", fields=["tenant_id", "team", "user"]),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class Invitation(Holder):
    """A single-use link, bound to an e-mail address, valid for 72 hours."""

    email = models.EmailField()
    token_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)

    class Meta(Holder.Meta):
        abstract = False
        constraints = [
            *Holder.Meta.constraints,
            models.UniqueConstraint(
                name="one_invitation_a_token", fields=["tenant_id", "token_hash"]
            ),
            models.UniqueConstraint(
                name="one_open_invitation_an_address",
                fields=["tenant_id", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
            ),
        ]

    def __str__(self) -> str:
        return self.email


class ApiKey(TenantModel):
    """A key of the REST API. Only its SHA-256 is kept; the secret is shown once."""

    class Kind(models.TextChoices):
        WRITE_ONLY = "write_only", _("Write-only (browsers)")
        SECRET = "secret", _("Secret (servers)")

    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind)
    prefix = models.CharField(max_length=20)
    hash = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    for_agency = models.BooleanField(default=False)  # ends with the agency (clients.part)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(name="one_key_a_prefix", fields=["tenant_id", "prefix"]),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Notice(TenantModel):
    """A sentence for one member, with the page it is about."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notices")
    text = PhraseField(default=str)
    url = models.CharField(max_length=300)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["tenant_id", "user", "-id"], name="notice_newest")]

    def __str__(self) -> str:
        return self.text


class SavedView(TenantModel):
    """A list with its filters under a name: a member's own, or everybody's."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="views")
    page = models.CharField(max_length=60)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500, blank=True, default="")
    shared = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                name="one_view_a_name_and_page", fields=["tenant_id", "user", "page", "name"]
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Meter(TenantModel):
    """What a workspace used on a day of its own, counted from the rows themselves (metering.py):
    a day's work, for contacts how many there were."""

    class Kind(models.TextChoices):
        MESSAGES = "messages", _("Messages sent")
        EVENTS = "events", _("Events taken in")
        CONTACTS = "contacts", _("Contacts")
        CONVERSATIONS = "conversations", _("Conversations")
        TOKENS = "tokens", _("Tokens of models")

    day = models.DateField()
    kind = models.CharField(max_length=13, choices=Kind)
    n = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        db_table = "meter"
        constraints = [
            models.UniqueConstraint(name="one_meter_a_day", fields=["tenant_id", "day", "kind"]),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.kind}: {self.n}"


class Allowance(TenantModel):
    """How much of a kind a month took, kept exactly while a cap holds for it."""

    month = models.DateField()
    kind = models.CharField(max_length=13, choices=Meter.Kind)
    n = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        db_table = "allowance"
        constraints = [
            models.UniqueConstraint(
                name="one_allowance_a_month", fields=["tenant_id", "month", "kind"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.kind}: {self.n}"


class WorkspaceCopy(TenantModel):
    """The whole workspace as a file, for its owner; kept for seven days."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Being made")
        READY = "ready", _("Ready")

    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    file = models.FileField(upload_to="copies/%Y/%m", max_length=300, blank=True)
    rows = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    asked_by = models.BigIntegerField(null=True, blank=True)
    job = TenantForeignKey(JobRow, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta(TenantModel.Meta):
        db_table = "workspace_copy"

    def __str__(self) -> str:
        return self.file.name or self.state
