"""How this process is to run: the configuration file, its defaults, and what is allowed.

Nothing here opens a socket or knows what the settings are for; flags are ``lws.flags``'s.
"""

from lws.config.decoding import decode_configuration, document_of, read_configuration
from lws.config.types import (
    API_VERSION,
    KIND,
    ClientConnection,
    Configuration,
    GangSchedulingManagement,
    Health,
    InternalCertManagement,
    InvalidConfiguration,
    LeaderElection,
    MetricsServer,
    Tls,
    Webhook,
)
from lws.config.validation import validate

__all__ = [
    "API_VERSION",
    "KIND",
    "ClientConnection",
    "Configuration",
    "GangSchedulingManagement",
    "Health",
    "InternalCertManagement",
    "InvalidConfiguration",
    "LeaderElection",
    "MetricsServer",
    "Tls",
    "Webhook",
    "decode_configuration",
    "document_of",
    "read_configuration",
    "validate",
]
