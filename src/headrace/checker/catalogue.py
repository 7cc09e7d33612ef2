"""Every fact, in the order in which a provider needs what it judges."""

from headrace.checker.features.asynchronous import asynchronous
from headrace.checker.features.authentication import authentication
from headrace.checker.features.bad_days import bad_days
from headrace.checker.features.bodies import bodies
from headrace.checker.features.config import config
from headrace.checker.features.deprovision import deprovision
from headrace.checker.features.manifest import ManifestFile, manifest
from headrace.checker.features.plan_change import plan_change
from headrace.checker.features.presence import presence
from headrace.checker.features.provision import provision
from headrace.checker.features.repeat import repeat
from headrace.checker.features.sso import sso
from headrace.checker.features.timing import timing
from headrace.checker.features.tokens import tokens
from headrace.checker.kit.fact import Fact, Feature
from headrace.checker.kit.harness import Harness

PROVIDER_FEATURES: tuple[Feature[Harness], ...] = (
    authentication,
    provision,
    asynchronous,
    repeat,
    bodies,
    plan_change,
    deprovision,
    sso,
    config,
    timing,
    tokens,
    bad_days,
    presence,
)
FEATURES: tuple[Feature[ManifestFile] | Feature[Harness], ...] = (manifest, *PROVIDER_FEATURES)
MANIFEST_FACTS: tuple[Fact[ManifestFile], ...] = tuple(manifest.facts)
PROVIDER_FACTS: tuple[Fact[Harness], ...] = tuple(fact for feature in PROVIDER_FEATURES for fact in feature.facts)
FACTS: tuple[Fact[ManifestFile] | Fact[Harness], ...] = (*MANIFEST_FACTS, *PROVIDER_FACTS)
