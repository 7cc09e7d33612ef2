"""What `headrace serve lab.bench.apart.commanded:service` serves; its settings are those of the others here."""

import os

from lab.bench.apart.served import build_service

service = build_service(os.environ["DATABASE_URL"])
