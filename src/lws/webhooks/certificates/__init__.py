"""The certificates of the admission webhooks: made, judged, kept in a Secret or in files, and served.

What is admitted may not live here.
"""

from __future__ import annotations

from lws.webhooks.certificates.files import CertificateFiles
from lws.webhooks.certificates.issuing import (
    CERTIFICATE,
    KEY,
    LOCAL,
    Bundle,
    CertificateStore,
    new_server_certificate,
    service_names,
)
from lws.webhooks.certificates.rotation import (
    MUTATING_CONFIGURATION,
    VALIDATING_CONFIGURATION,
    Rotation,
    Secret,
)
from lws.webhooks.certificates.serving import ServingCertificate, serving_check, throwaway_context

__all__ = [
    "CERTIFICATE",
    "KEY",
    "LOCAL",
    "MUTATING_CONFIGURATION",
    "VALIDATING_CONFIGURATION",
    "Bundle",
    "CertificateFiles",
    "CertificateStore",
    "Rotation",
    "Secret",
    "ServingCertificate",
    "new_server_certificate",
    "service_names",
    "serving_check",
    "throwaway_context",
]
