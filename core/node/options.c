/* The options of peerpostd and what they set; peerpostd.yaml(5) explains them. */
#include <node/daemon.h>

#include <trust/certificate.h>

#define OCTETS_MAX INT64_MAX
#define YEAR ((int64_t)(365 * PP_DAY))

static const struct pp_option options[] = {
    {"network.name", PP_OPT_STRING, "peerpost", 0, 0, PP_SCOPE_NETWORK,
     "name of the network; nodes of another name refuse each other"},
    {"network.k", PP_OPT_INT, "5", 1, PP_K_MAX, PP_SCOPE_NETWORK,
     "how many nodes hold each object and inbox"},
    {"node.listen", PP_OPT_STRING, "0.0.0.0", 0, 0, PP_SCOPE_NODE,
     "address of the UDP and HTTP sockets"},
    {"node.udp", PP_OPT_INT, "4700", 0, 65535, PP_SCOPE_NODE, "port of the overlay"},
    {"node.http", PP_OPT_INT, "4743", 1, 65535, PP_SCOPE_NODE, "port of the primitives"},
    {"node.key", PP_OPT_STRING, "/etc/peerpost/node.key.pem", 0, 0, PP_SCOPE_NODE,
     "the node's private key, PEM, mode 0600"},
    {"node.certificate", PP_OPT_STRING, "/etc/peerpost/node.cert.pem", 0, 0, PP_SCOPE_NODE,
     "its certificate, PEM (peerpost-ca issue --node)"},
    {"node.state", PP_OPT_STRING, "/var/lib/peerpost", 0, 0, PP_SCOPE_NODE,
     "folder for the store and the saved peers"},
    {"overlay.contacts", PP_OPT_LIST, "", 0, 0, PP_SCOPE_NODE,
     "\"address:port\" or \"name:port\" (UDP) of some nodes; none: found a network"},
    {"overlay.advertise", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE,
     "address that others reach this node at; empty: node.listen"},
    {"overlay.advertise_http", PP_OPT_INT, "0", 0, 65535, PP_SCOPE_NODE,
     "port that others reach the primitives at, where another is forwarded; 0: node.http"},
    {"overlay.found_after", PP_OPT_TIME, "30s", (int64_t)PP_SECOND, (int64_t)PP_HOUR, PP_SCOPE_NODE,
     "after a power cut of everything: how long no active node answers before one begins"},
    {"substrate.plugin", PP_OPT_STRING, "chord", 0, 0, PP_SCOPE_NODE,
     "overlay protocol; its options stand in substrate.NAME"},
    {"store.plugin", PP_OPT_STRING, "lmdb", 0, 0, PP_SCOPE_NODE,
     "store; its options stand in store.NAME"},
    {"store.path", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "empty: store in node.state"},
    {"trust.ca", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE,
     "certificate(s) of the authority, PEM; empty: no authority, anyone may be a node"},
    {"trust.crl", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "its revocation list, PEM or DER"},
    {"crl.require_fresh", PP_OPT_BOOL, "false", 0, 0, PP_SCOPE_NODE,
     "refuse all certificates while the list is too old, instead of a warning"},
    {"http.tls", PP_OPT_BOOL, "true", 0, 0, PP_SCOPE_NODE, "HTTPS with the node's certificate"},
    {"http.handshake_time", PP_OPT_TIME, "10s", PP_SECOND / 10, PP_HOUR, PP_SCOPE_NODE,
     "for the TLS handshake"},
    {"http.header_time", PP_OPT_TIME, "10s", PP_SECOND / 10, PP_HOUR, PP_SCOPE_NODE,
     "for a request's header"},
    {"http.request_time", PP_OPT_TIME, "60s", PP_SECOND, PP_DAY, PP_SCOPE_NODE,
     "for a request, and 1 s more each 16 KiB of body"},
    {"http.idle_time", PP_OPT_TIME, "30s", PP_SECOND / 10, PP_DAY, PP_SCOPE_NODE,
     "of a kept connection"},
    {"http.requests", PP_OPT_INT, "1000", 1, INT32_MAX, PP_SCOPE_NODE, "on one connection"},
    {"http.line", PP_OPT_OCTETS, "8KiB", 512, 65536, PP_SCOPE_NODE, "request line"},
    {"http.header", PP_OPT_OCTETS, "32KiB", 1024, 1 << 20, PP_SCOPE_NODE, "header of a request"},
    {"http.buffers", PP_OPT_OCTETS, "256MiB", 1 << 20, OCTETS_MAX, PP_SCOPE_NODE,
     "octets buffered over all connections"},
    {"limits.connections", PP_OPT_INT, "4096", 1, 1000000, PP_SCOPE_NODE, "of all sources"},
    {"limits.connections_source", PP_OPT_INT, "64", 1, 1000000, PP_SCOPE_NODE, "of one source"},
    {"limits.object", PP_OPT_OCTETS, "72MiB", 1024, OCTETS_MAX / 4, PP_SCOPE_NODE, "one object"},
    {"limits.notification", PP_OPT_OCTETS, "32KiB", 1024, 1 << 20, PP_SCOPE_NODE,
     "one notification"},
    {"limits.inbox_entries", PP_OPT_INT, "8192", 4, UINT32_MAX, PP_SCOPE_NODE,
     "notifications in an inbox"},
    {"limits.inbox_octets", PP_OPT_OCTETS, "32MiB", 65536, OCTETS_MAX, PP_SCOPE_NODE,
     "octets in an inbox"},
    {"limits.members", PP_OPT_INT, "1024", 1, 65536, PP_SCOPE_NODE, "certificates of an object"},
    {"limits.set", PP_OPT_OCTETS, "2MiB", 2048, 1 << 26, PP_SCOPE_NODE, "octets of such a set"},
    {"limits.appends", PP_OPT_INT, "60", 0, INT32_MAX, PP_SCOPE_NODE,
     "a minute from a source; 0: no bound"},
    {"limits.stores", PP_OPT_INT, "60", 0, INT32_MAX, PP_SCOPE_NODE, "the same"},
    {"limits.fetches", PP_OPT_INT, "600", 0, INT32_MAX, PP_SCOPE_NODE, "the same"},
    {"limits.wait", PP_OPT_TIME, "25s", 0, PP_DAY, PP_SCOPE_NODE,
     "longest wait of the reader of an empty inbox, at most half of http.request_time; 0: none"},
    {"limits.waiting", PP_OPT_INT, "1024", 0, 1000000, PP_SCOPE_NODE,
     "readers who wait; beyond it they are answered at once"},
    {"limits.waiting_inbox", PP_OPT_INT, "8", 0, 1000000, PP_SCOPE_NODE,
     "the same of one address; beyond it the one who waits longest is answered"},
    {"limits.lookups", PP_OPT_INT, "60", 1, INT32_MAX, PP_SCOPE_NODE,
     "look-ups of a source over HTTP a minute"},
    {"limits.proved_factor", PP_OPT_INT, "20", 1, 100000, PP_SCOPE_NODE,
     "how much more a certificate may do than a source"},
    {"limits.day_octets", PP_OPT_OCTETS, "1GiB", 1024, OCTETS_MAX / 1024, PP_SCOPE_NODE,
     "stored by a source a day"},
    {"limits.day_objects", PP_OPT_INT, "10000", 1, INT32_MAX, PP_SCOPE_NODE, "the same"},
    {"limits.signatures", PP_OPT_INT, "5000", 1, 1000000, PP_SCOPE_NODE,
     "signatures checked a second"},
    {"limits.signatures_source", PP_OPT_INT, "500", 1, 1000000, PP_SCOPE_NODE, "of one source"},
    {"limits.uploads", PP_OPT_OCTETS, "2GiB", 1024, OCTETS_MAX, PP_SCOPE_NODE,
     "octets on their way in"},
    {"limits.uploads_source", PP_OPT_OCTETS, "256MiB", 1024, OCTETS_MAX / 1024, PP_SCOPE_NODE,
     "of one source"},
    {"limits.buffers", PP_OPT_OCTETS, "64MiB", 256 * 1024, OCTETS_MAX, PP_SCOPE_NODE,
     "pieces of uploads in memory"},
    {"limits.tombstones", PP_OPT_INT, "1000000", 1, INT64_MAX, PP_SCOPE_NODE,
     "deletions remembered"},
    {"limits.sources", PP_OPT_INT, "65536", 16, 100000000, PP_SCOPE_NODE,
     "sources counted one by one"},
    {"limits.exempt", PP_OPT_LIST, "", 0, 0, PP_SCOPE_NODE,
     "CIDRs free of every bound by source; for load tests alone"},
    {"collector.max_life", PP_OPT_TIME, "60d", PP_MINUTE, 10 * YEAR, PP_SCOPE_NODE,
     "longest life of an object"},
    {"collector.life", PP_OPT_TIME, "30d", PP_MINUTE, 10 * YEAR, PP_SCOPE_NODE,
     "life of what asks for none"},
    {"collector.grace", PP_OPT_TIME, "14d", PP_SECOND, 10 * YEAR, PP_SCOPE_NODE,
     "how long what is not due here stays after its last use"},
    {"collector.period", PP_OPT_TIME, "1h", PP_SECOND, YEAR, PP_SCOPE_NODE, "between two runs"},
    {"probe.period", PP_OPT_TIME, "1h", 0, YEAR, PP_SCOPE_NODE,
     "between two rounds of probing the network, a quarter more or less; 0: off"},
    {"probe.samples", PP_OPT_INT, "2", 0, 16, PP_SCOPE_NODE,
     "small objects that a round stores; it asks for at most 16 earlier ones"},
    {"probe.target", PP_OPT_STRING, "0.999", 0, 0, PP_SCOPE_NODE,
     "share of acts that shall succeed at once, for the number of copies advised"},
    {"probe.operations", PP_OPT_INT, "2", 1, 1000000, PP_SCOPE_NODE,
     "operations that an act takes"},
    {"rehome.settle", PP_OPT_TIME, "10s", PP_SECOND / 10, PP_HOUR, PP_SCOPE_NODE,
     "with --rehome: how long the node is a member before it begins"},
    {"rehome.again", PP_OPT_TIME, "60s", PP_SECOND / 10, PP_DAY, PP_SCOPE_NODE,
     "with --rehome: until the next pass, after one that stored or missed something"},
    {"admin.listen", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE,
     "\"127.0.0.1:port\" or \"unix:PATH\": status, metrics; empty: off"},
    {"log.file", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE, "empty: standard error"},
    {"log.level", PP_OPT_STRING, "info", 0, 0, PP_SCOPE_NODE, "error, warn, info or debug"},
    {"plugins.dir", PP_OPT_STRING, "", 0, 0, PP_SCOPE_NODE,
     "folder of the plugins; empty: beside the program"},
};

const struct pp_schema daemon_schema = {options, sizeof options / sizeof *options};

static uint64_t number(const struct daemon *d, const char *name)
{
    return (uint64_t)pp_config_number(d->config, name);
}

void daemon_node_config(struct daemon *d)
{
    struct pp_node_config *c = &d->node;
    pp_node_config_default(c);
    c->k = (unsigned)number(d, "network.k");
    c->max_life = number(d, "collector.max_life");
    c->life = number(d, "collector.life");
    c->life = c->life < c->max_life ? c->life : c->max_life;
    c->grace = number(d, "collector.grace");
    c->period = number(d, "collector.period");
    c->object_max = number(d, "limits.object");
    c->notification_max = number(d, "limits.notification");
    c->inbox_entries = (uint32_t)number(d, "limits.inbox_entries");
    c->inbox_octets = number(d, "limits.inbox_octets");
    c->members_max = (uint32_t)number(d, "limits.members");
    c->set_octets = number(d, "limits.set");
    c->appends = (unsigned)number(d, "limits.appends");
    c->stores = (unsigned)number(d, "limits.stores");
    c->fetches = (unsigned)number(d, "limits.fetches");
    c->wait = number(d, "limits.wait");
    pp_ns most = number(d, "http.request_time") / 2; /* the server cuts what lasts longer */
    c->wait = c->wait < most ? c->wait : most;
    c->waiting = (unsigned)number(d, "limits.waiting");
    c->waiting_inbox = (unsigned)number(d, "limits.waiting_inbox");
    c->proved_factor = (unsigned)number(d, "limits.proved_factor");
    c->day_octets = number(d, "limits.day_octets");
    c->day_objects = number(d, "limits.day_objects");
    c->checks_all = (unsigned)number(d, "limits.signatures");
    c->checks_source = (unsigned)number(d, "limits.signatures_source");
    c->uploads_all = number(d, "limits.uploads");
    c->uploads_source = number(d, "limits.uploads_source");
    c->buffers = (size_t)number(d, "limits.buffers");
    c->tombstones = number(d, "limits.tombstones");
    c->sources = (unsigned)number(d, "limits.sources");
    c->authority = d->authority;
    c->self = pp_certificate_node_id(d->certificate);
}
