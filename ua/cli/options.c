/*
 * The configuration of peerpost: every option with its default, bounds and one line of help. It
 * must not know what the options do.
 */
#include <cli/cli.h>

#include <cli/options.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NODE PP_SCOPE_NODE
#define NETWORK PP_SCOPE_NETWORK

static const struct pp_option options[] = {
    {"user.address", PP_OPT_STRING, NULL, 0, 0, NODE, "your e-mail address"},
    {"user.key", PP_OPT_STRING, "user.key.pem", 0, 0, NODE,
     "your private key, made by enrol: a file, or a pkcs11: URI of one on a token"},
    {"user.token_module", PP_OPT_STRING, "p11-kit-proxy.so", 0, 0, NODE,
     "PKCS#11 module of the token where user.key is a pkcs11: URI: a file, or a name to be found"},
    {"user.certificate", PP_OPT_STRING, "user.cert.pem", 0, 0, NODE,
     "your certificate from the authority"},
    {"user.passphrase_command", PP_OPT_STRING, "", 0, 0, NODE,
     "command whose first line of output opens your key; empty: ask"},
    {"user.state", PP_OPT_STRING, "state", 0, 0, NODE, "folder of spool and journal"},
    {"user.maildir", PP_OPT_STRING, "Maildir", 0, 0, NODE, "where mail is delivered"},
    {"network.name", PP_OPT_STRING, "peerpost", 0, 0, NETWORK, "the network's name"},
    {"network.k", PP_OPT_INT, "5", 1, PP_K_MAX, NETWORK, "copies of everything"},
    {"overlay.contacts", PP_OPT_LIST, "", 0, 0, NODE,
     "address:port or name:port (UDP) of nodes to begin with"},
    {"net.bind", PP_OPT_STRING, "", 0, 0, NODE, "source address of all that is sent; empty: any"},
    {"net.connections", PP_OPT_INT, "128", 1, 4096, NODE, "open sockets at once"},
    {"net.timeout", PP_OPT_TIME, "10s", 100 * PP_MS, PP_HOUR, NODE,
     "a node that is silent for so long has failed"},
    {"substrate.plugin", PP_OPT_STRING, "chord", 0, 0, NODE,
     "the network's substrate: its name or a file"},
    {"trust.ca", PP_OPT_STRING, "", 0, 0, NODE, "the authority's certificate; empty: trust anyone"},
    {"trust.crl", PP_OPT_STRING, "", 0, 0, NODE, "the authority's revocation list; empty: none"},
    {"crl.refresh", PP_OPT_TIME, "6h", 0, INT64_MAX, NODE,
     "how often nodes are asked for a newer list; 0: each time"},
    {"address.tag", PP_OPT_STRING, "+", 0, 0, NODE,
     "what begins a tag: who does not know anna+lists@x writes to anna@x; empty: no tags"},
    {"crl.require_fresh", PP_OPT_BOOL, "false", 0, 0, NODE,
     "refuse everything while the list is out of date"},
    {"http.tls", PP_OPT_BOOL, "true", 0, 0, NODE, "reach nodes by HTTPS"},
    {"send.wait", PP_OPT_TIME, "10s", 0, INT64_MAX, NODE,
     "how long send delivers before it leaves the rest to the queue"},
    {"queue.max_age", PP_OPT_TIME, "5d", 0, INT64_MAX, NODE,
     "a message older than that comes back as undeliverable"},
    {"ops.store", PP_OPT_INT, "0", 0, PP_K_MAX, NODE, "peers that store a body; 0: k"},
    {"ops.append", PP_OPT_INT, "0", 0, PP_K_MAX, NODE, "peers that get a notification; 0: k"},
    {"ops.fetch", PP_OPT_INT, "1", 0, PP_K_MAX, NODE, "peers that a body is fetched from"},
    {"ops.read_inbox", PP_OPT_INT, "0", 0, PP_K_MAX, NODE, "peers whose inbox is read; 0: k"},
    {"ops.connections", PP_OPT_INT, "0", 0, 4 * PP_K_MAX, NODE,
     "peers contacted at most for one operation; 0: 2k"},
    {"copies.bodies", PP_OPT_STRING, "fixed", 0, 0, NODE,
     "copies of a mail's body: fixed (network.k), or adaptive: as many as probe found to be enough"},
    {"copies.target", PP_OPT_STRING, "0.999", 0, 0, NODE,
     "share of mails that shall succeed at once"},
    {"copies.operations", PP_OPT_INT, "2", 1, 1000000, NODE,
     "operations that a mail takes: 2, and 2 for each further recipient"},
    {"probe.samples", PP_OPT_INT, "8", 0, 64, NODE, "objects that a run of probe stores"},
    {"probe.age", PP_OPT_TIME, "1h", 0, INT64_MAX, NODE,
     "how old one must be before it is asked for, and the time between asks"},
    {"serve.smtp", PP_OPT_STRING, "127.0.0.1:2525", 0, 0, NODE,
     "where serve takes mail from mail readers (SMTP submission); empty: nowhere"},
    {"serve.pop3", PP_OPT_STRING, "127.0.0.1:2110", 0, 0, NODE,
     "where mail readers collect mail (POP3); empty: nowhere"},
    {"serve.http", PP_OPT_STRING, "127.0.0.1:2080", 0, 0, NODE,
     "where serve shows the web page, on this computer alone; empty: off"},
    {"serve.poll", PP_OPT_TIME, "60s", 0, INT64_MAX, NODE,
     "how often serve fetches by itself; 0: only when asked"},
    {"devices.sync", PP_OPT_BOOL, "false", 0, 0, NODE,
     "the same mailbox on all your computers with this key: kept, encrypted, on the nodes"},
    {"devices.name", PP_OPT_STRING, "", 0, 0, NODE,
     "what this computer is called in the list of yours; empty: its host name"},
    {"devices.period", PP_OPT_TIME, "5min", 0, INT64_MAX, NODE,
     "how often serve synchronises by itself; 0: after each fetch"},
    {"serve.wait", PP_OPT_BOOL, "false", 0, 0, NODE,
     "wait for mail at the nodes of your inbox: it shows as soon as it is sent"},
    {"deliver.keep_signed", PP_OPT_BOOL, "false", 0, 0, NODE,
     "keep what the sender signed in state/signed"},
    {"anonymity.proxy", PP_OPT_STRING, "", 0, 0, NODE,
     "SOCKS proxy that everything goes through, such as socks5h://127.0.0.1:9050; empty: direct"},
    {"anonymity.gateways", PP_OPT_LIST, "", 0, 0, NODE,
     "address:port (HTTPS) of nodes that look-ups are asked of behind the proxy; three or more"},
    {"anonymity.delay", PP_OPT_TIME, "0s", 0, INT64_MAX, NODE,
     "mean of a random wait before each store, append, fetch and delete; 60s is a good value"},
    {"filter.virus", PP_OPT_STRING, "", 0, 0, NODE,
     "virus scanner: clamd at unix:PATH or HOST:PORT; empty: none"},
    {"filter.spam", PP_OPT_STRING, "", 0, 0, NODE,
     "spam filter: bogofilter, spamc, rspamd:HOST:PORT, or a command that exits 1 for spam"},
    {"filter.train_spam", PP_OPT_STRING, "", 0, 0, NODE,
     "command that learns a message on its input as spam; empty: the filter's own"},
    {"filter.train_ham", PP_OPT_STRING, "", 0, 0, NODE,
     "command that learns a message on its input as no spam; empty: the filter's own"},
    {"filter.blocklist", PP_OPT_STRING, "", 0, 0, NODE,
     "file of known spammers, an address or domain a line: their mail goes to Junk"},
    {"filter.blocklist_url", PP_OPT_STRING, "", 0, 0, NODE,
     "where filter.blocklist comes from (https, http or file); empty: it is yours"},
    {"filter.blocklist_period", PP_OPT_TIME, "1d", 0, INT64_MAX, NODE,
     "how often it is fetched again"},
    {"filter.signed_only", PP_OPT_BOOL, "false", 0, 0, NODE,
     "take only signed mail of known senders; strangers are asked to confirm"},
    {"filter.whitelist", PP_OPT_STRING, "", 0, 0, NODE,
     "file of known senders, an address or domain a line"},
    {"log.file", PP_OPT_STRING, "-", 0, 0, NODE, "where the log goes; -: standard error"},
    {"log.level", PP_OPT_STRING, "warn", 0, 0, NODE, "error, warn, info or debug"},
    {"plugins.dir", PP_OPT_STRING, "", 0, 0, NODE, "folder of the plugins; empty: beside peerpost"},
};

const struct pp_schema cli_schema = {options, sizeof options / sizeof *options};

/* --config, else $PEERPOST_CONFIG, else the user's configuration folder. */
const char *cli_config_name(struct cli *cli)
{
    static char name[4096];
    const char *from = getenv("PEERPOST_CONFIG");
    if (cli->config_file || from) {
        return cli->config_file ? cli->config_file : from;
    }
    const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (folder && *folder) {
        snprintf(name, sizeof name, "%s/peerpost/config.yaml", folder);
    } else {
        snprintf(name, sizeof name, "%s/.config/peerpost/config.yaml", home ? home : "");
    }
    return name;
}

int cli_configure(struct cli *cli, struct pp_error *error)
{
    cli->config_file = cli_config_name(cli);
    if (access(cli->config_file, R_OK) != 0) {
        return pp_fail(error, PP_CONFIG,
                       "cannot read the configuration %s: name yours with --config FILE or "
                       "$PEERPOST_CONFIG",
                       cli->config_file);
    }
    return pp_config_load(&cli->config, cli->config_file, &cli_schema, 1, error);
}
