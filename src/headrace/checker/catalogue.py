"""Every check, in the order in which a provider needs what it judges."""

from headrace.checker.bench import Bench
from headrace.checker.check import Check, Feature
from headrace.checker.features.asynchronous import asynchronous
from headrace.checker.features.authentication import authentication
from headrace.checker.features.bad_days import bad_days
from headrace.checker.features.bodies import bodies
from headrace.checker.features.config import config
from headrace.checker.features.deprovision import deprovision
from headrace.checker.features.manifest import ManifestFile, manifest
from headrace.checker.features.plan_change import plan_change
from headrace.checker.features.provision import provision
from headrace.checker.features.repeat import repeat
from headrace.checker.features.sso import sso
from headrace.checker.features.timing import timing
from headrace.checker.features.tokens import tokens

PROVIDER_FEATURES: tuple[Feature[Bench], ...] = (
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
)
FEATURES: tuple[Feature[ManifestFile] | Feature[Bench], ...] = (manifest, *PROVIDER_FEATURES)
MANIFEST_CHECKS: tuple[Check[ManifestFile], ...] = tuple(manifest.checks)
PROVIDER_CHECKS: tuple[Check[Bench], ...] = tuple(check for feature in PROVIDER_FEATURES for check in feature.checks)
CHECKS: tuple[Check[ManifestFile] | Check[Bench], ...] = (*MANIFEST_CHECKS, *PROVIDER_CHECKS)
