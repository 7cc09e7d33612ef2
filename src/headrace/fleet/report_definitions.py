"""What each figure of the report is: the fleet's own definitions where they are the same, and those it alone has."""

from headrace.fleet.definitions import DEFINITIONS, Definition

_OWN = (
    Definition(
        id="report-weeks",
        name="Weeks of a report",
        paths=("since", "until", "weeks", "is_over", "began_on", "is_compared", "uncounted"),
        text=(
            "A report is of whole weeks, Monday to Sunday, up to the last Sunday. A fleet that began after it has a "
            "report of its first week so far, and `is_over` says so. Days in `uncounted` are over and were not counted "
            "since, as when no worker ran: `headrace count` counts them, and until then figures lack them."
        ),
    ),
    Definition(
        id="report-change",
        name="Change in a report",
        paths=("figures[].before", "figures[].change"),
        text=(
            "What is so at the end of the last day is compared with the end of the day before the first, and what "
            "happened within the weeks with what happened within as many weeks before. The change of a share is in "
            "percentage points. Nothing is compared with a time in which the fleet was not there: null."
        ),
    ),
    Definition(
        id="lasting-resources",
        name="Lasting resources",
        paths=("figures[]",),
        text="Live resources at the end of the last day that are at no passing stage: without review and CI apps.",
    ),
    Definition(
        id="lasting-pipelines",
        name="Lasting pipelines",
        paths=("figures[]",),
        text="Pipelines with a live resource that lasts, at the end of the last day.",
    ),
    Definition(
        id="weekly-churn",
        name="Weekly churn",
        paths=("figures[]", "churn_by_stage"),
        text=(
            "Of lasting resources that were live when a week began, those deprovisioned within it; of several weeks, "
            "all of the one added, of all of the other added. By stage: the stage that they had when the week began, "
            "passing ones too. Churn of each week is as on the overview."
        ),
    ),
    Definition(
        id="lost-resources",
        name="Resources lost",
        paths=("lost",),
        text=(
            "The list behind what was lost: lasting resources deprovisioned within the weeks, with the last stage and "
            "pipeline that Heroku told; those that had been there longest come first."
        ),
    ),
    Definition(
        id="first-in-production",
        name="Pipelines first in production",
        paths=("figures[]", "to_production"),
        text=(
            "Pipelines that got their first live production resource within the weeks: those whose time the way to "
            "production is of. Listed are the latest, with the whole days since the pipeline's first resource."
        ),
    ),
    Definition(
        id="grown-pipelines",
        name="Pipelines that grew",
        paths=("figures[]", "grown"),
        text=(
            "Pipelines with more lasting live resources at the end of the last day than at the end of the day before "
            "the first; new ones had none. A review app that comes or goes changes nothing."
        ),
    ),
    Definition(
        id="shrunk-pipelines",
        name="Pipelines that shrank",
        paths=("figures[]", "shrunk"),
        text="The same with fewer; one that was emptied has none.",
    ),
    Definition(
        id="cohorts",
        name="Cohorts",
        paths=("experiments.since", "experiments.until"),
        text=(
            "What began within the 52 weeks up to the report's last day, as it was known at the end of that day. "
            "A pipeline begins with its first live resource, at that one's stage; two at the same moment: at the one "
            "told first. Pipelines that began before anybody watched are left out, as for the way to production."
        ),
    ),
    Definition(
        id="conversion",
        name="Later in production",
        paths=("experiments.conversions", "experiments.horizon_weeks"),
        text=(
            "Of the pipelines that began at a stage, those that had a live production resource within 12 weeks "
            "(`reached`): the row `development` is the conversion from development to production, and `review` is what "
            "became of those who began in review apps. Only pipelines that are 12 weeks old or older count, whatever "
            "became of them; younger ones have not had the time. `began` and `so_far` are of all ages. Pipelines that "
            "began in production are left out."
        ),
    ),
    Definition(
        id="interval",
        name="Interval",
        paths=("experiments.conversions[].reached", "experiments.retention_by_first_stage[].points"),
        text=(
            "`low` to `high` is Wilson's score interval of 95 % confidence (E. B. Wilson, Journal of the American "
            "Statistical Association 22, 1927, pages 209 to 212), z = 1.96. Of two groups whose intervals do not "
            "overlap, one can say that they differ; of few pipelines it is wide. It takes pipelines for independent of "
            "each other, which those of one customer are not quite."
        ),
    ),
    Definition(
        id="retention",
        name="Retention",
        paths=("experiments.retention_by_first_stage", "experiments.retention_by_plan"),
        text=(
            "Of the resources provisioned within the 52 weeks that are k weeks old or older, those still live "
            "k weeks after they were provisioned, k from 1 to 12. One that is younger than k weeks does not count in "
            "week k, gone or not. By the first stage that Heroku told within a day of the provision, else `unknown`, "
            "and by the plan that was asked for first, the eight largest of each. Imported resources are left out: "
            "of their like, those that went before are not known."
        ),
    ),
)
# In the order in which a report tells of them.
_SHARED = (
    "in-pipelines",
    "production-resources",
    "production-on-small-plan",
    "gained",
    "lost",
    "growth",
    "way-to-production",
    "stage-mix",
)
OWN_DEFINITIONS = {each.id: each for each in _OWN}
REPORT_DEFINITIONS = {**{id_: DEFINITIONS[id_] for id_ in _SHARED}, **OWN_DEFINITIONS}
