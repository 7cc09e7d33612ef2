"""The tables of resources and of people. Times are UTC; secrets stand only in `secret`, sealed."""

import sqlalchemy as sa

from headrace.store.sql.tables.columns import METADATA, Moment, Name, index_some, of_resource, uuid_column

# What an inspection has to tell an operator of: it brought no answer, or one that says nothing of the place, or it has
# never been made. SQLite uses a partial index for a query that has these very words, and no others.
IS_TROUBLED = sa.text("(error IS NOT NULL OR outcome IS NULL OR outcome IN ('forbidden', 'app_hidden'))")

# `plan` moves with plan changes, `requested_plan` stays what was first asked for: by it a repeat is told from
# another request. `running` is the id of the one workflow that may run now, `workflow_count` numbers them.
# `ordered` is what an operator has said of its attempts, until the workflow has
# heeded it. `app_*` come with an inspection. `imported_at` is set where another provider provisions, and tells us.
resource = sa.Table(
    "resource",
    METADATA,
    uuid_column("uuid", primary_key=True),
    sa.Column("name", Name, nullable=False),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("requested_plan", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("callback_url", sa.Text, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("message", sa.Text),
    sa.Column("is_synchronous", sa.Boolean, nullable=False),
    sa.Column("running", sa.Text),
    sa.Column("workflow_count", sa.Integer, nullable=False, default=0),
    sa.Column("ordered", sa.JSON(none_as_null=True)),
    uuid_column("app_id"),
    sa.Column("app_name", Name),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("provisioned_at", Moment),
    sa.Column("deprovisioned_at", Moment),
    sa.Column("imported_at", Moment),
    sa.Index(None, "app_id"),
    sa.Index(None, "name"),
    sa.Index(None, "app_name", "uuid"),
    sa.Index(None, "state", "created_at", "uuid"),
    sa.Index(None, "plan", "created_at", "uuid"),
    sa.Index(None, "created_at", "uuid"),
    # What came and went since a moment, of which alone the fleet's figures are counted anew.
    index_some("ix_resource_provisioned_at", "provisioned_at", where="provisioned_at IS NOT NULL"),
    index_some("ix_resource_deprovisioned_at", "deprovisioned_at", where="deprovisioned_at IS NOT NULL"),
    index_some("ix_resource_imported_at", "imported_at", where="imported_at IS NOT NULL"),
    index_some("ix_resource_running", "uuid", where="running IS NOT NULL"),
    index_some("ix_resource_ordered", "uuid", where="ordered IS NOT NULL"),
)

# Waiting while `outcome` is null; `number` counts up from 1 for each resource. `overtaken_at` is set when Heroku then
# asked for the plan that there was: from then on the same change asked for again is a new one, and no repeat.
plan_change = sa.Table(
    "plan_change",
    METADATA,
    of_resource(primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("old_plan", sa.Text, nullable=False),
    sa.Column("new_plan", sa.Text, nullable=False),
    sa.Column("outcome", sa.String(20)),
    sa.Column("message", sa.Text),
    sa.Column("requested_at", Moment, nullable=False),
    sa.Column("settled_at", Moment),
    sa.Column("overtaken_at", Moment),
    index_some("ix_plan_change_settled_at", "settled_at", where="settled_at IS NOT NULL"),
)

# An order for many resources at once: a change of config of each of them. It rests from `stopped_at` on.
config_job = sa.Table(
    "config_job",
    METADATA,
    uuid_column("id", primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("names", sa.JSON, nullable=False),
    sa.Column("ordered_by", sa.String(60), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("stopped_at", Moment),
    sa.Index(None, "created_at", "id"),
)

# What is ordered of one resource, of its config vars above all: waiting while `outcome` is null, but not while it
# `is_held`, because its job was stopped, nor before `waits_until`. `number` counts up from 1 for each resource. From
# `tried_at` on Heroku may have been told, or a hook called. The values stand in `secret`, until Heroku was told.
config_change = sa.Table(
    "config_change",
    METADATA,
    of_resource(primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("names", sa.JSON, nullable=False),
    sa.Column("ordered_by", sa.String(60), nullable=False),
    sa.Column("job_id", sa.String(36), sa.ForeignKey("config_job.id")),
    sa.Column("is_held", sa.Boolean, nullable=False),
    sa.Column("waits_until", Moment),
    sa.Column("requested_at", Moment, nullable=False),
    sa.Column("tried_at", Moment),
    sa.Column("outcome", sa.String(20)),
    sa.Column("step", sa.String(60)),
    sa.Column("reason", sa.String(100)),
    sa.Column("settled_at", Moment),
    sa.Index(None, "job_id", "outcome", "resource_uuid"),
    index_some("ix_config_change_waiting", "resource_uuid", where="outcome IS NULL"),
    index_some("ix_config_change_waits_until", "waits_until", where="waits_until IS NOT NULL"),
)

# What hooks keep each other away from, by a name that the partner gave it.
hook_lock = sa.Table(
    "hook_lock",
    METADATA,
    sa.Column("name", sa.String(200), primary_key=True),
    uuid_column("holder", nullable=False),
    sa.Column("held_until", Moment, nullable=False),
)

# `claimed_until` is set while somebody is refreshing a token: everybody else waits for the new one.
secret = sa.Table(
    "secret",
    METADATA,
    of_resource(primary_key=True),
    sa.Column("kind", sa.String(200), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("claimed_until", Moment),
)

pipeline = sa.Table(
    "pipeline",
    METADATA,
    uuid_column("id", primary_key=True),
    sa.Column("name", Name),
    uuid_column("owner_id", index=True),
    sa.Column("owner_type", sa.String(20)),
    sa.Column("generation", sa.Text),
    sa.Column("observed_at", Moment, nullable=False),
    # When Heroku last would not list its apps.
    sa.Column("list_refused_at", Moment),
    sa.Index(None, "name", "id"),
)

# A row without a pipeline says that Heroku said "in no pipeline"; rows are closed, never rewritten. It begins when we
# learnt of it; `coupled_at` is when Heroku says that it began. `told_at` is set when the hook of a provision has been
# called with this place.
placement = sa.Table(
    "placement",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    of_resource(),
    uuid_column("app_id", nullable=False),
    sa.Column("app_name", sa.Text),
    sa.Column("pipeline_id", sa.String(36), sa.ForeignKey("pipeline.id")),
    sa.Column("stage", sa.Text),
    sa.Column("valid_from", Moment, nullable=False),
    sa.Column("valid_to", Moment),
    sa.Column("told_at", Moment),
    sa.Column("coupled_at", Moment),
    index_some("uq_placement_current", "resource_uuid", where="valid_to IS NULL", unique=True),
    sa.Index(None, "resource_uuid", "valid_from"),
    sa.Index(None, "valid_from"),
    sa.Index(None, "pipeline_id"),
    # What stands in a pipeline now, and what stands at a stage: however much has come and gone there.
    index_some("ix_placement_current_pipeline", "pipeline_id", "valid_from", "stage", where="valid_to IS NULL"),
    index_some("ix_placement_current_stage", "stage", "valid_from", "id", where="valid_to IS NULL"),
)

# `checked_at` is when Heroku last answered, `tried_at` when it was last asked; `wanted_at` is when a webhook last
# asked for an inspection, which one that had begun before does not answer. `etag` proves the place, at the path of the
# read that told it; `read_whole_at` is when the add-on itself was last read. `batch` names the batch that it is in now:
# `next_check_at` is then when that one's lease ends, and `due_since` since when it has been due.
placement_check = sa.Table(
    "placement_check",
    METADATA,
    of_resource(primary_key=True),
    sa.Column("outcome", sa.String(20)),
    sa.Column("error", sa.Text),
    sa.Column("checked_at", Moment),
    sa.Column("tried_at", Moment),
    sa.Column("wanted_at", Moment),
    sa.Column("next_check_at", Moment, nullable=False),
    sa.Column("read_whole_at", Moment),
    sa.Column("etag", sa.Text),
    sa.Column("etag_path", sa.Text),
    uuid_column("batch"),
    sa.Column("due_since", Moment),
    sa.Index(None, "next_check_at"),
    index_some("ix_placement_check_batch", "batch", where="batch IS NOT NULL"),
    index_some("ix_placement_check_due_since", "due_since", where="batch IS NOT NULL"),
    index_some("ix_placement_check_troubled", "error", "resource_uuid", "outcome", where=IS_TROUBLED.text),
)

# What was inspected because somebody asked for it, and who asked: neither is again for some seconds after `at`.
inspection_claim = sa.Table(
    "inspection_claim",
    METADATA,
    sa.Column("subject", sa.String(320), primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Index(None, "at"),
)

# Who may see an app, as Heroku last said; `person` is `id:<user id>` or `email:<address>`.
access = sa.Table(
    "access",
    METADATA,
    uuid_column("app_id", primary_key=True),
    sa.Column("person", sa.String(320), primary_key=True),
    sa.Index(None, "person"),
)

# `checked_at` is when Heroku was asked for the answer that is known; one from before `doubted_at` is asked for again.
access_check = sa.Table(
    "access_check",
    METADATA,
    uuid_column("app_id", primary_key=True),
    sa.Column("checked_at", Moment, nullable=False),
    sa.Column("doubted_at", Moment),
)

# Its `position` is given to a line once it is committed, by whoever asks for changes: see store/state/changes.py.
lifecycle_event = sa.Table(
    "lifecycle_event",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    of_resource(index=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("position", sa.BigInteger),
    sa.Index(None, "position", unique=True),
    index_some("ix_lifecycle_event_unnumbered", "id", where="position IS NULL"),
)

# The last position that was given. Whoever gives some holds this row, and so nobody else does.
change_count = sa.Table(
    "change_count",
    METADATA,
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=False),
)

# Who may ask and order, beside whoever has what the settings say: by the digest of a token, which nobody has but who
# was given it. A name has one token at a time.
api_token = sa.Table(
    "api_token",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("revoked_at", Moment),
    index_some("uq_api_token_name", "name", where="revoked_at IS NULL", unique=True),
)

# What wants an operator's eye; it is open while `settled_at` is null, and one of a kind is open at a time. `sent` is 1
# once it was sent out that it was raised, and 2 once it was that it is settled; of what comes next, so many tries have
# failed, and the next is due at `send_at`.
notice = sa.Table(
    "notice",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    of_resource(),
    sa.Column("kind", sa.String(60), nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("raised_at", Moment, nullable=False),
    sa.Column("settled_at", Moment),
    sa.Column("settled_by", sa.String(60)),
    sa.Column("sent", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("send_tries", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("send_at", Moment),
    index_some("uq_notice_open", "resource_uuid", "kind", where="settled_at IS NULL", unique=True),
    index_some("ix_notice_unsent", "id", where="sent < 2"),
)

# What Heroku was asked to tell of a resource, or is about to be while `subscribed_at` is null; `number` counts how
# often. `include` is a list parted by commas, in order. `authorization_digest` is set when the resource is gone: by it
# alone a delivery that is still under way is known, and answered so that Heroku does not try it again.
webhook_subscription = sa.Table(
    "webhook_subscription",
    METADATA,
    of_resource(primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("include", sa.Text, nullable=False),
    sa.Column("asked_at", Moment, nullable=False),
    sa.Column("subscribed_at", Moment),
    sa.Column("authorization_digest", sa.String(64)),
    index_some("ix_webhook_subscription_unanswered", "asked_at", "resource_uuid", where="subscribed_at IS NULL"),
)

# Heroku delivers at least once: an event that stands here was taken already (contract §8.4). It stands here for as
# long as it is not too old to be taken.
webhook_event = sa.Table(
    "webhook_event",
    METADATA,
    of_resource(primary_key=True),
    sa.Column("event_id", sa.String(60), primary_key=True),
    sa.Column("entity", sa.String(60), nullable=False),
    sa.Column("action", sa.String(60), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("received_at", Moment, nullable=False),
    sa.Index(None, "created_at"),
)

# A login form works once: the digest of what was signed stands here for as long as the form is good.
sso_login = sa.Table(
    "sso_login",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Index(None, "expires_at"),
)

# Sessions that were refused, or logged out of, for as long as their cookies would be good.
ended_session = sa.Table(
    "ended_session",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("forgotten_at", Moment, nullable=False),
    sa.Index(None, "forgotten_at"),
)

# A person's board from one resource, for whoever has its link: `key` with a signature, which stands nowhere. What is
# revoked has no row any more.
share_link = sa.Table(
    "share_link",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    of_resource(index=True),
    sa.Column("key", sa.String(16), nullable=False, unique=True),
    *(sa.Column(name, sa.String(320), nullable=False) for name in ("user_id", "email")),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("ends_at", Moment, nullable=False),
    sa.Index(None, "ends_at"),
)
