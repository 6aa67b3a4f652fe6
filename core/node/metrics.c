/* The metrics in Prometheus' text format; `promtool check metrics` finds nothing to say. */
#include <node/daemon.h>

#include <inttypes.h>

static void add(struct pp_buf *out, const char *name, const char *type, const char *help,
                uint64_t value)
{
    pp_buf_printf(out, "# HELP peerpost_%s %s\n# TYPE peerpost_%s %s\npeerpost_%s %" PRIu64 "\n",
                  name, help, name, type, name, value);
}

static void add_answers(struct pp_buf *out, const struct pp_node_counts *c)
{
    static const char *const primitives[] = {"store",        "fetch",      "delete",
                                             "append_inbox", "read_inbox", "status"};
    pp_buf_add_str(out, "# HELP peerpost_answers_total Answers by primitive and class of status.\n"
                        "# TYPE peerpost_answers_total counter\n");
    for (size_t p = 0; p < 6; p++) {
        for (size_t class = 2; class < 6; class ++) {
            if (class != 3) {
                pp_buf_printf(
                    out, "peerpost_answers_total{primitive=\"%s\",class=\"%zuxx\"} %" PRIu64 "\n",
                    primitives[p], class, c->answered[p][class]);
            }
        }
    }
}

static void add_collector(struct pp_buf *out, const struct pp_node_counts *c)
{
    pp_buf_add_str(out, "# HELP peerpost_collected_total Objects and tombstones removed by rule.\n"
                        "# TYPE peerpost_collected_total counter\n");
    pp_buf_printf(out, "peerpost_collected_total{rule=\"expired\"} %" PRIu64 "\n",
                  c->collected_expired);
    pp_buf_printf(out, "peerpost_collected_total{rule=\"foreign\"} %" PRIu64 "\n",
                  c->collected_foreign);
    pp_buf_printf(out, "peerpost_collected_total{rule=\"pressure\"} %" PRIu64 "\n",
                  c->collected_pressure);
    add(out, "collected_bytes_total", "counter", "Octets of bodies removed by the collector.",
        c->collected_octets);
    add(out, "collector_runs_total", "counter", "Runs of the collector.", c->collector_runs);
    add(out, "collector_kept_due_total", "counter",
        "Idle or pressing objects that stayed because they are due here.", c->kept_due);
    add(out, "refused_rate_total", "counter", "Requests refused for their source's rate.",
        c->refused_rate);
    add(out, "refused_full_total", "counter", "Requests refused for want of room.",
        c->refused_full);
    add(out, "refused_work_total", "counter", "Notifications asked for proof of work.",
        c->refused_work);
}

static void add_waits(struct pp_buf *out, const struct pp_node_counts *c)
{
    add(out, "inbox_waiting", "gauge", "Readers of empty inboxes who wait now.", c->waiting);
    pp_buf_printf(out,
                  "# HELP peerpost_inbox_waits_total Waits of readers by how they ended.\n"
                  "# TYPE peerpost_inbox_waits_total counter\n"
                  "peerpost_inbox_waits_total{end=\"notification\"} %" PRIu64 "\n"
                  "peerpost_inbox_waits_total{end=\"time\"} %" PRIu64 "\n"
                  "peerpost_inbox_waits_total{end=\"crowded\"} %" PRIu64 "\n",
                  c->waits_woken, c->waits_over, c->waits_crowded);
}

static void add_overlay(struct daemon *d, struct pp_buf *out)
{
    struct pp_overlay_counts c;
    pp_overlay_counts(d->overlay, &c);
    enum pp_state state = pp_overlay_state(d->overlay, NULL);
    add(out, "overlay_active", "gauge", "Whether this node is an active member.",
        state == PP_ACTIVE || state == PP_DEGRADED);
    add(out, "datagrams_received_total", "counter", "Datagrams received.", c.datagrams_in);
    add(out, "datagrams_sent_total", "counter", "Datagrams sent.", c.datagrams_out);
    add(out, "datagrams_received_bytes_total", "counter", "Octets received.", c.octets_in);
    add(out, "datagrams_sent_bytes_total", "counter", "Octets sent.", c.octets_out);
    add(out, "datagrams_bad_total", "counter", "Datagrams dropped as forged or broken.",
        c.dropped_bad);
    add(out, "datagrams_throttled_total", "counter", "Datagrams dropped for their source's rate.",
        c.dropped_rate);
    add(out, "handshakes_total", "counter", "Handshakes of the envelope.", c.handshakes);
    add(out, "handshakes_refused_total", "counter", "Handshakes of another network refused.",
        c.refused_network);
    add(out, "lookups_total", "counter", "Look-ups of this node.", c.lookups);
    add(out, "lookups_failed_total", "counter", "Look-ups that found nothing.", c.lookups_failed);
    add(out, "saved_peers", "gauge", "Peers kept for a restart.", c.peers_cached);
}

static void add_store(struct daemon *d, struct pp_buf *out)
{
    struct pp_usage u = {0};
    struct pp_view *view = d->api->begin_view(d->store);
    if (view) {
        d->api->usage(view, &u);
        d->api->end_view(view);
    }
    add(out, "store_used_bytes", "gauge", "Octets used in the store.", u.octets);
    add(out, "store_capacity_bytes", "gauge", "Octets above which nothing more is taken.",
        u.capacity);
    add(out, "store_objects", "gauge", "Objects held.", u.objects);
    add(out, "store_inboxes", "gauge", "Inboxes held.", u.inboxes);
    add(out, "store_tombstones", "gauge", "Deletions remembered.", u.tombstones);
    add(out, "store_damaged", "gauge", "Things found unreadable and set aside.", u.damaged);
}

static void add_probe(struct daemon *d, struct pp_buf *out)
{
    struct daemon_probe_counts c;
    daemon_probe_counts(d->probe, &c);
    add(out, "probe_rounds_total", "counter", "Rounds of probing.", c.rounds);
    add(out, "probe_stored_total", "counter", "Copies of probe objects stored.", c.stored);
    add(out, "probe_asked_total", "counter", "Copies of probe objects asked for.", c.asked);
    add(out, "probe_good_total", "counter", "Copies that came back right.", c.good);
    pp_buf_printf(out,
                  "# HELP peerpost_peer_availability Share p of copies that come back, of the last "
                  "14 days; 0.5 when nothing is known.\n"
                  "# TYPE peerpost_peer_availability gauge\npeerpost_peer_availability %.4f\n",
                  c.estimate.p);
    add(out, "advised_copies", "gauge",
        "Copies that probe.target and probe.operations need by equation (6); 0: over 32, or under "
        "50 copies were asked for.",
        c.estimate.copies);
}

void daemon_metrics(struct daemon *d, struct pp_buf *out)
{
    struct pp_node_counts c;
    struct pp_server_counts s;
    pp_node_counts(pp_live_node(d->live), &c);
    pp_server_counts(d->server, &s);
    add(out, "uptime_seconds", "gauge", "Time since the start.",
        (pp_loop_now(d->loop).mono - d->started) / PP_SECOND);
    add_answers(out, &c);
    add_collector(out, &c);
    add_waits(out, &c);
    add_store(d, out);
    add_overlay(d, out);
    add_probe(d, out);
    add(out, "http_connections", "gauge", "Open HTTP connections.", s.open);
    add(out, "http_connections_total", "counter", "HTTP connections accepted.", s.accepted);
    add(out, "http_requests_total", "counter", "HTTP requests read.", s.requests);
    add(out, "http_bad_requests_total", "counter", "Requests that broke the protocol.",
        s.bad_requests);
    add(out, "http_refused_busy_total", "counter", "Requests refused for want of buffers.",
        s.refused_busy);
    add(out, "http_timeouts_total", "counter", "Connections that ran out of time.", s.timeouts);
}
